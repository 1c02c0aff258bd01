import { z } from 'zod';

const HOUR_MS = 3_600_000;
/** 1/48 of a day. */
export const TICK_MS = HOUR_MS / 2;

/** Actions of the intents by which the four agents tell each other what they mean to do (agents.md, "Intents"). */
export const agentActionSchemas = {
  'budget.allocated': z.strictObject({
    campaignId: z.string(),
    /** Day of the campaign's own time zone, YYYY-MM-DD. */
    day: z.string(),
    /** Upper bound of the day's spend, micros of the campaign's currency. */
    amountMicros: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  }),
  'pacing.target': z.strictObject({
    campaignId: z.string(),
    multiplier: z.number().positive(),
    passThrough: z.number().positive().max(1),
  }),
  'creative.explore': z.strictObject({
    campaignId: z.string(),
    /** Share of spend that may go to exploratory creatives. */
    allowance: z.number().min(0).max(0.5),
  }),
  'bid.conservative': z.strictObject({ segment: z.string() }),
  'frequency.saturated': z.strictObject({ creativeId: z.string(), segment: z.string() }),
} as const;
export type AgentIntentKind = keyof typeof agentActionSchemas;
export type AgentAction<K extends AgentIntentKind> = z.infer<(typeof agentActionSchemas)[K]>;
export const AGENT_INTENT_KINDS = Object.keys(agentActionSchemas) as AgentIntentKind[];

/** How long an intent holds unless it is replaced, ms; an allocation holds until its day ends. */
export const INTENT_LIFETIME_MS = {
  'pacing.target': TICK_MS,
  'creative.explore': HOUR_MS,
  'bid.conservative': HOUR_MS,
  'frequency.saturated': 6 * HOUR_MS,
} as const satisfies Partial<Record<AgentIntentKind, number>>;

/** Segment of traffic that intents speak of: exchange and banner size, `demo|300x250`. */
export const segmentOf = (exchange: string, size: string): string => `${exchange}|${size}`;

/** What an intent is about: a newer one of the same kind and subject replaces it. */
export function subjectOf<K extends AgentIntentKind>(kind: K, action: AgentAction<K>): string {
  const { campaignId, day, creativeId, segment } = action as Partial<Record<string, string>>;
  const parts = kind === 'budget.allocated' ? [campaignId, day] : [creativeId ?? campaignId, segment];
  return parts.filter((part) => part !== undefined).join('/');
}

const expiring = { expiresAtMs: z.number().int() };

/** The agents' intents that edges obey, as a snapshot carries them. */
export const servedIntentsSchema = z.object({
  allocations: z.array(agentActionSchemas['budget.allocated'].extend(expiring)),
  pacing: z.array(agentActionSchemas['pacing.target'].extend(expiring)),
  explore: z.array(agentActionSchemas['creative.explore'].extend(expiring)),
  conservative: z.array(agentActionSchemas['bid.conservative'].extend(expiring)),
  saturated: z.array(agentActionSchemas['frequency.saturated'].extend(expiring)),
});
export type ServedIntents = z.infer<typeof servedIntentsSchema>;

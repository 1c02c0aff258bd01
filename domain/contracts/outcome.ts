import { z } from 'zod';
import { armSchema } from './agent';

/** What an exchange, a player or a browser tells the edge about a bid it made. New kinds go last: a guard's bits follow the order. */
export const NOTICE_KINDS = ['win', 'bill', 'loss', 'click', 'conversion', 'view'] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What notices become; a conversion after its window is kept, and counts and teaches nothing. */
export const OUTCOME_KINDS = [...NOTICE_KINDS, 'outside-window'] as const;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

/**
 * One accepted notice, durable before it is answered, joined to its decision by `decisionId`. The attribution fields come
 * out of the signed token, so an outcome can be counted without the decision at hand.
 */
export const outcomeSchema = z.object({
  type: z.literal('outcome'),
  schemaVersion: z.literal(1),
  outcomeId: z.string(),
  kind: z.enum(OUTCOME_KINDS),
  decisionId: z.string(),
  atMs: z.number().int(),
  edgeId: z.string(),
  exchange: z.string(),
  campaignId: z.string(),
  creativeId: z.string(),
  arm: armSchema,
  rolloutId: z.string(),
  stage: z.number().int(),
  userBucket: z.number().int().min(-1),
  decidedAtMs: z.number().int(),
  /** Price of the impression in nanos of the fleet's currency: cleared price for win and bill, 0 for others. */
  priceNanos: z.number().int().nonnegative(),
  /** Realised value in nanos: CPC goal of a click or value of a conversion in its window, else 0. */
  valueNanos: z.number().int().nonnegative(),
  /** Minimum price to win in CPM micros when a loss or win notice discloses it, else null (censored). */
  minToWinMicros: z.number().nonnegative().nullable(),
  lossReason: z.number().int().nullable(),
  /** False when a bill arrived after its reservation had been voided: real spend, counted and reported. */
  reservationLive: z.boolean(),
  isTest: z.boolean(),
  /** Whether the user had seen this creative three times in 24 h when the bid was made; absent = written before it was kept. */
  isRepeat: z.boolean().optional(),
  /** Of the request, for segments; absent as above. */
  country: z.string().optional(),
  deviceType: z.number().int().optional(),
  /** Of a conversion: what it is ascribed to, when that was at the earliest, and for how long after it conversions count. */
  touch: z.enum(['click', 'view']).optional(),
  touchedAtMs: z.number().int().optional(),
  windowMs: z.number().int().nonnegative().optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

import { z } from 'zod';
import { attributionSchema } from './attribution';
import { timeZoneSchema } from './time-zone';

/** Micros of the campaign's currency; integers below 2^53. */
const micros = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const positiveMicros = micros.refine((v) => v > 0, 'must be greater than 0');
const list = (max = 1000) => z.array(z.string().min(1).max(256)).max(max).default([]);

export const targetingSchema = z
  .strictObject({
    /** ISO-3166-1 alpha-3 countries; empty = everywhere. */
    countries: list(),
    deviceTypes: z.array(z.number().int().min(1).max(8)).max(8).default([]),
    os: list(),
    languages: list(),
    siteAllow: list(),
    siteBlock: list(),
    appAllow: list(),
    appBlock: list(),
    /** IAB content categories the campaign avoids. */
    categoryBlock: list(),
    segments: list(),
    exchanges: list(),
    deals: list(),
  })
  .prefault({});

export const frequencyCapSchema = z.strictObject({
  scope: z.enum(['creative', 'campaign', 'advertiser']),
  windowMinutes: z.number().int().min(1).max(43_200),
  maxImpressions: z.number().int().min(1).max(10_000),
});

export const goalSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cpc'), amountMicros: positiveMicros }),
  z.strictObject({
    kind: z.literal('cpa'),
    targetMicros: positiveMicros,
    conversionValueMicros: positiveMicros.optional(),
  }),
]);

/** What ad ops writes. The flight is half open: [startAt, endAt). */
export const campaignInputSchema = z
  .strictObject({
    advertiserId: z.string().min(1).max(64),
    name: z.string().min(1).max(200),
    status: z.enum(['active', 'paused']).default('active'),
    startAt: z.iso.datetime(),
    endAt: z.iso.datetime(),
    timeZone: timeZoneSchema,
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .default('USD'),
    dailyBudgetMicros: positiveMicros,
    totalBudgetMicros: positiveMicros,
    objective: z.enum(['value', 'surplus']).default('value'),
    goal: goalSchema,
    /** Highest price ever bid, CPM micros. */
    bidCapMicros: positiveMicros,
    /** Hard-coded last resort when every agent has failed, CPM micros. */
    safeBidMicros: positiveMicros,
    targeting: targetingSchema,
    /** Hours of week (0 = Monday 00:00 in `timeZone`) in which the campaign bids; empty = always. */
    dayparting: z.array(z.number().int().min(0).max(167)).max(168).default([]),
    frequencyCaps: z.array(frequencyCapSchema).max(8).default([]),
    attribution: attributionSchema,
    /** Share of spend that may go to exploratory creatives and prices. */
    explorationAllowance: z.number().min(0).max(0.5).default(0.1),
  })
  .check((ctx) => {
    const c = ctx.value;
    const fault = (path: (string | number)[], message: string) =>
      ctx.issues.push({ code: 'custom', input: c, path, message });
    if (Date.parse(c.endAt) <= Date.parse(c.startAt)) fault(['endAt'], 'must be after startAt');
    if (c.totalBudgetMicros < c.dailyBudgetMicros) fault(['totalBudgetMicros'], 'must be at least dailyBudgetMicros');
    if (c.safeBidMicros > c.bidCapMicros) fault(['safeBidMicros'], 'must not exceed bidCapMicros');
  });
export type CampaignInput = z.infer<typeof campaignInputSchema>;

/** A campaign as stored and served: its input, identity and version (ETag). */
export const campaignSchema = z.intersection(
  z.object({ campaignId: z.string(), version: z.number().int().positive() }),
  z.object(campaignInputSchema.shape),
);
export type Campaign = z.infer<typeof campaignSchema>;
export type Targeting = Campaign['targeting'];
export type FrequencyCap = z.infer<typeof frequencyCapSchema>;
export type Goal = z.infer<typeof goalSchema>;

export const advertiserInputSchema = z.strictObject({
  name: z.string().min(1).max(200),
  domain: z.string().min(3).max(253),
  /** Daily budget of all its campaigns together, micros of the fleet's currency; absent = the sum of theirs. */
  dailyBudgetMicros: positiveMicros.optional(),
});
export type AdvertiserInput = z.infer<typeof advertiserInputSchema>;
export type Advertiser = AdvertiserInput & { advertiserId: string };

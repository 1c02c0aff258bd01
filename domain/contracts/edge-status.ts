import { z } from 'zod';
import { agentSchema, armSchema } from './agent';
import { NO_BID_REASONS } from './no-bid-reason';

const count = z.number().nonnegative();
/** Of the last one to two minutes, and since the process started. */
const sums = z.object({ recent: count, total: count });
const micros = z.number().nonnegative();

/** One grant that is open at this edge, nanos. */
export const edgeGrantSchema = z.object({
  campaignId: z.string(),
  arm: armSchema,
  grantId: z.string(),
  amountNanos: count,
  reservedNanos: count,
  spentNanos: count,
  freeNanos: count,
  lateNanos: count,
  expiresAtMs: z.number(),
});

/** Why a snapshot did not go live; the one in service stayed. */
export const snapshotRefusalSchema = z.object({
  atMs: z.number(),
  version: z.number(),
  code: z.string(),
  detail: z.string(),
});

/** GET /status at the admin port of an edge: what it really serves and how it fares. Times are milliseconds unless named otherwise. */
export const edgeStatusSchema = z.object({
  schemaVersion: z.literal(1),
  edgeId: z.string(),
  fleet: z.string(),
  bootId: z.string(),
  startedAtMs: z.number(),
  nowMs: z.number(),
  /** Null when bids may be made, else why not. */
  notReady: z.string().nullable(),
  serving: z.object({
    snapshotId: z.string().nullable(),
    version: z.number().nullable(),
    issuedAtMs: z.number().nullable(),
    campaigns: count,
    creatives: count,
    exchanges: z.array(z.string()),
    /** Exchanges that get no bids because their prices are encrypted and the key is not here. */
    withoutPriceKey: z.array(z.string()),
    /** One row per arm that has policies; `model` is false where an agent runs its baseline. */
    arms: z.array(
      z.object({
        arm: armSchema,
        rolloutId: z.string().nullable(),
        shareBps: z.number(),
        /** Milliseconds until the share's lease ends; null without a lease (the champion needs none). */
        leaseLeftMs: z.number().nullable(),
        policies: z.array(z.object({ agent: agentSchema, modelVersionId: z.string(), model: z.boolean() })),
        breaker: z.object({ isOpen: z.boolean(), trips: count }).nullable(),
      }),
    ),
    shadows: z.array(z.object({ rolloutId: z.string(), sampleBps: z.number() })),
    canaryLapses: count,
  }),
  kill: z.object({ level: z.string(), quarantinedAgents: z.array(z.string()), stoppedCampaigns: z.array(z.string()) }),
  /** Null for an edge that runs alone. */
  controlPlane: z.object({ reachable: z.boolean() }).nullable(),
  refusals: z.array(snapshotRefusalSchema),
  traffic: z.object({
    requestsPerSecond: z.number(),
    requests: count,
    bids: count,
    noBids: z.array(z.object({ stage: z.string(), reason: z.string(), count })),
    fallbacks: z.array(z.object({ agent: z.string(), reason: z.string(), count })),
    internalErrors: count,
  }),
  /** Late or invalid answers of the last minute; `isAlarm` from 5 % of at least 100 answers on. */
  exchanges: z.array(
    z.object({
      exchange: z.string(),
      answers: count,
      late: count,
      invalid: count,
      share: z.number(),
      isAlarm: z.boolean(),
    }),
  ),
  /** Quantiles of the last one to two minutes, microseconds. */
  latency: z.array(z.object({ stage: z.string(), count, p50: micros, p99: micros, p999: micros, max: micros })),
  /** Null before its first sample. */
  loopLag: z.object({ p50Ms: micros, p99Ms: micros, maxMs: micros }).nullable(),
  outbox: z.object({
    isOpen: z.boolean(),
    bytes: count,
    maxBytes: count,
    segmentsWaiting: count,
    pendingBytes: count,
    shed: z.array(z.object({ class: z.string(), count })),
    faults: z.array(z.object({ code: z.string(), count })),
    segments: z.array(z.object({ result: z.string(), count })),
  }),
  budget: z.object({ openReservations: count, grants: z.array(edgeGrantSchema) }),
});
export type EdgeStatus = z.infer<typeof edgeStatusSchema>;

/** What keeps a campaign from bidding at this edge right now, whatever is asked. */
export const CAMPAIGN_BLOCKS = [
  'not-ready',
  'bidding-stopped',
  'not-served',
  'campaign-stopped',
  'no-requests',
  'no-budget-here',
] as const;
export type CampaignBlock = (typeof CAMPAIGN_BLOCKS)[number];

/** GET /campaigns/{id}/why at the admin port: the reasons for which a campaign does not bid, the most frequent of late first. */
export const campaignWhySchema = z.object({
  schemaVersion: z.literal(1),
  edgeId: z.string(),
  campaignId: z.string(),
  /** Null for a campaign that the snapshot does not have. */
  name: z.string().nullable(),
  /** One sentence for a person. */
  verdict: z.string(),
  blocks: z.array(z.object({ block: z.enum(CAMPAIGN_BLOCKS), means: z.string(), toDo: z.string() })),
  /** Impressions at which its creatives could have been shown by their form. */
  looked: sums,
  bids: sums,
  /** Impressions that another campaign of ours was ranked higher for, or was quicker to reserve for. */
  outranked: sums,
  reasons: z.array(
    z.object({
      reason: z.enum(NO_BID_REASONS),
      stage: z.enum(['match', 'decide']),
      recent: count,
      total: count,
      /** Share of the impressions looked at of late, 0..1; of all when there was none of late. */
      share: z.number(),
      means: z.string(),
      toDo: z.string(),
    }),
  ),
  grants: z.array(edgeGrantSchema),
});
export type CampaignWhy = z.infer<typeof campaignWhySchema>;

/** One row of GET /campaigns. */
export const campaignLineSchema = z.object({
  campaignId: z.string(),
  name: z.string(),
  verdict: z.string(),
  bids: sums,
});
export type CampaignLine = z.infer<typeof campaignLineSchema>;
export const campaignLinesSchema = z.object({ items: z.array(campaignLineSchema), total: count });

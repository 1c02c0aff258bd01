import { z } from 'zod';
import { servedIntentsSchema } from './agent-intents';
import { agentSchema, policyBundleSchema } from './agent';
import { campaignSchema } from './campaign';
import { weightStateSchema } from './campaign-weights';
import { creativeSchema } from './creative';
import { exchangeSettingsSchema, fxTableSchema } from './exchange';
import { signedSchema } from './signed';

/** Kill levels, weakest first. */
export const KILL_LEVELS = ['none', 'quarantine-agent', 'champion-only', 'safe-bids-only', 'stop-bidding'] as const;
export const killSchema = z.object({ level: z.enum(KILL_LEVELS), agents: z.array(agentSchema) });
export type Kill = z.infer<typeof killSchema>;

/** Everything an edge serves, versioned and signed as one. Fleet currency is USD; prices are CPM micros. */
export const policySnapshotSchema = z.object({
  schemaVersion: z.literal(1),
  snapshotId: z.string(),
  version: z.number().int().positive(),
  issuedAtMs: z.number().int(),
  fleet: z.string(),
  cell: z.string(),
  /** Salt of the user-hash layer that assigns arms and buckets. */
  layerSalt: z.string(),
  /** Seed of the counter-based random draws of decisions. */
  rngSeed: z.number().int(),
  champion: policyBundleSchema,
  canary: z
    .object({
      rolloutId: z.string(),
      stage: z.number().int(),
      /** Share of users in the canary, basis points; served only while its lease lives. */
      shareBps: z.number().int().min(0).max(10_000),
      policies: policyBundleSchema,
      /** What everybody else is served while the canary is: an experiment's control. Absent = the champion. */
      control: policyBundleSchema.optional(),
    })
    .nullable(),
  shadows: z.array(
    z.object({ rolloutId: z.string(), sampleBps: z.number().int().min(0).max(10_000), policies: policyBundleSchema }),
  ),
  campaigns: z.array(campaignSchema),
  creatives: z.array(creativeSchema),
  /** Clicks and impressions per creative up to `issuedAtMs`, for the Creative agent's baseline. */
  creativeStats: z.record(z.string(), z.object({ impressions: z.number(), clicks: z.number() })),
  /** Bid baseline: share of value that is bid, by `${exchange}|${w}x${h}|${floorBucket}`; '*' is the default. */
  shadingTable: z.record(z.string(), z.number().positive().max(1)),
  exchanges: z.record(z.string(), exchangeSettingsSchema),
  fx: fxTableSchema,
  /** Share of requests, basis points, in which each agent's model may override its baseline. */
  autonomyBps: z.object({
    budget: z.number().int().min(0).max(10_000),
    creative: z.number().int().min(0).max(10_000),
    bid: z.number().int().min(0).max(10_000),
    frequency: z.number().int().min(0).max(10_000),
  }),
  kill: killSchema,
  /** Reward weights by campaign; absent = all at their start. */
  weights: weightStateSchema.optional(),
  /**
   * Seal of each policy's manifest by model version (`manifest-seal.ts`, signed). Absent in snapshots from before; once present, a
   * canary or shadow policy that no seal covers is refused.
   */
  seals: z.record(z.string(), signedSchema).optional(),
  /** Budget grants that an edge without a control plane may spend per campaign and day, nanos; empty when managed. */
  standaloneGrantNanos: z.record(z.string(), z.number().int().nonnegative()),
  /** What the agents have announced; left out while they have announced nothing. */
  agentIntents: servedIntentsSchema.optional(),
});
export type PolicySnapshot = z.infer<typeof policySnapshotSchema>;

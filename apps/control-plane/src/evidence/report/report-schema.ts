import { z } from 'zod';
import {
  agentSchema,
  METRICS,
  modelManifestSchema,
  ROLLOUT_STATES,
  rolloutPlanSchema,
  VERDICTS,
} from '#domain/contracts';
import { forecastScoreSchema } from '../forecasts.controller';

/** Name and version of the report's JSON form; a reader refuses a version that it does not know. */
export const REPORT_SCHEMA = 'adloop.rollout-report/1';

const arms = z.object({ canary: z.number(), control: z.number() });
const epochMs = z.number();

const metricSchema = z.object({
  metric: z.enum(METRICS),
  role: z.enum(['primary', 'guardrail', 'signal']),
  margin: z.number(),
  /** Ratios of sums in the sums' own units; times `scale` they are `unit`. */
  canary: z.number(),
  control: z.number(),
  scale: z.number(),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  /** Relative effect, candidate over champion minus 1, with bounds that hold at every look at once; null where not tested. */
  effect: z.object({ effect: z.number(), lower: z.number(), upper: z.number() }).nullable(),
  /** Limit of a metric of the catastrophe lane, in the sums' own units; null for tested ones. */
  limit: z.number().nullable(),
  verdict: z.enum(VERDICTS),
});

const lookSchema = z.object({
  stage: z.number().int(),
  look: z.number().int(),
  atMs: epochMs,
  verdict: z.enum(VERDICTS),
  reason: z.string(),
  digest: z.string(),
  /** False when the stored evidence no longer hashes to its digest. */
  isSealed: z.boolean(),
  srmP: z.number(),
  decisions: arms,
  primaryEvents: arms,
  catastrophe: z.object({ fired: z.boolean(), reason: z.string() }),
  metrics: z.array(metricSchema),
});

const stageSchema = z.object({
  stage: z.number().int(),
  shareBps: z.number().int(),
  openedAtMs: epochMs,
  lastLookAtMs: epochMs,
  looks: z.number().int(),
});

const shareSchema = z.object({
  atMs: epochMs,
  snapshotVersion: z.number().int(),
  canaryBps: z.number().int(),
  shadowBps: z.number().int(),
});

const eventSchema = z.object({
  atMs: epochMs,
  kind: z.enum(['requested', 'approved', 'rejected', 'intent', 'deployed', 'ended']),
  who: z.string(),
  what: z.string(),
  reason: z.string(),
});

export const rolloutReportSchema = z.object({
  schema: z.literal(REPORT_SCHEMA),
  generatedAt: z.string(),
  rollout: z.object({
    rolloutId: z.string(),
    fleet: z.string(),
    cell: z.string(),
    agent: agentSchema,
    candidateId: z.string(),
    rollbackTargetId: z.string().nullable(),
    requestedBy: z.string(),
    state: z.enum(ROLLOUT_STATES),
    reason: z.string(),
    createdAt: z.string(),
    endedAt: z.string().nullable(),
    plan: rolloutPlanSchema,
  }),
  candidate: z
    .object({
      family: z.string(),
      parentId: z.string().nullable(),
      createdBy: z.string(),
      createdAt: z.string(),
      windowId: z.string().nullable(),
      gates: modelManifestSchema.shape.gates,
    })
    .nullable(),
  stages: z.array(stageSchema),
  looks: z.array(lookSchema),
  shares: z.array(shareSchema),
  events: z.array(eventSchema),
  safe: z
    .object({
      timeToSafeMs: z.number(),
      verdictAtMs: epochMs,
      safeAtMs: epochMs,
      targetId: z.string(),
      acknowledged: z.array(z.string()),
      stragglers: z.array(z.string()),
    })
    .nullable(),
  forecasts: z.array(forecastScoreSchema),
});
export type RolloutReport = z.infer<typeof rolloutReportSchema>;
export type ReportLook = RolloutReport['looks'][number];
export type ReportMetric = ReportLook['metrics'][number];

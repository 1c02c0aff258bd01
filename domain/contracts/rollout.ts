import { z } from 'zod';
import { agentSchema } from './agent';

export const METRICS = [
  'value',
  'revenue',
  'cpa',
  'cpc',
  'ctr',
  'winRate',
  'roi',
  'spendToPlan',
  'fallbackShare',
  'lateShare',
  'errorShare',
  'repeatExposure',
  'latencyMsP99',
] as const;
export type Metric = (typeof METRICS)[number];

export const planMetricSchema = z.strictObject({
  metric: z.enum(METRICS),
  role: z.enum(['primary', 'guardrail', 'signal']),
  margin: z.number().min(0).max(1).default(0.05),
  action: z.enum(['warn', 'hold', 'rollback']).default('rollback'),
  prove: z.boolean().default(false),
});

/** What a request or bid may be told apart by; `deviceType` as OpenRTB numbers it, `country` as the request spells it. */
export const SEGMENT_KINDS = ['deviceType', 'country', 'exchange', 'campaign'] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];

/** A slice of traffic. */
export const segmentSchema = z.strictObject({ by: z.enum(SEGMENT_KINDS), value: z.string().min(1).max(64) });
export type Segment = z.infer<typeof segmentSchema>;

/** One metric watched in one slice of traffic, registered before the start. */
export const segmentGuardrailSchema = segmentSchema.extend({
  metric: z.enum(METRICS),
  margin: z.number().gt(0).max(1).default(0.05),
  action: z.enum(['warn', 'hold', 'rollback']).default('rollback'),
});
export type SegmentGuardrail = z.infer<typeof segmentGuardrailSchema>;

export const planStageSchema = z.strictObject({
  kind: z.enum(['shadow', 'canary']),
  /** Share of users, basis points; for a shadow the share of requests it sees. */
  shareBps: z.number().int().min(1).max(10_000),
  holdSeconds: z.number().int().min(1),
  /** Primary events (clicks, conversions) needed per arm; 0 for shadow. */
  minPrimaryEvents: z.number().int().min(0),
  minDecisions: z.number().int().min(0),
  maxSeconds: z.number().int().min(1),
  approval: z.boolean().default(false),
  /** c_s: planned information per unit against the other stages (statistics.md 3), fixed before the stage starts; absent = 1. */
  informationPerUnit: z.number().positive().optional(),
});

/** A rollout's plan, versioned, linted before it starts. Time lengths are parameters so that a demo can run fast. */
export const rolloutPlanSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1).max(100),
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  /** Length of a KPI time bucket, seconds. */
  bucketSeconds: z.number().int().min(1).default(300),
  lookEverySeconds: z.number().int().min(1).default(60),
  /** Delay after which labels count as mature, seconds. */
  labelMaturitySeconds: z.number().int().min(0).default(3600),
  decisionDeadlineSeconds: z.number().int().min(1).default(86_400),
  approvalTimeoutSeconds: z.number().int().min(1).default(86_400),
  /** Effects the plan is powered for; defaults are 0 and twice the margin. */
  designEffect: z.strictObject({ better: z.number(), worse: z.number() }).optional(),
  /** Primary events per second expected fleet-wide, for the feasibility planner; measured when absent. */
  expectedPrimaryPerSecond: z.number().positive().optional(),
  feasibility: z.enum(['enforced', 'waived']).default('enforced'),
  waiverReason: z.string().optional(),
  /** When an operator may skip the remaining stages; `proven` when absent. Never past inferior, srm, no-data or error. */
  fullPromotion: z.enum(['never', 'proven', 'any-look']).optional(),
  stages: z.array(planStageSchema).min(1).max(12),
  metrics: z.array(planMetricSchema).min(1).max(20),
  segmentGuardrails: z.array(segmentGuardrailSchema).max(50).optional(),
  /** Length of the period before the rollout whose sums reduce the variance (CUPED), seconds; 0 = none, absent = one day. */
  prePeriodSeconds: z
    .number()
    .int()
    .min(0)
    .max(30 * 86_400)
    .optional(),
});
export type RolloutPlan = z.infer<typeof rolloutPlanSchema>;
export type PlanStage = z.infer<typeof planStageSchema>;
export type PlanMetric = z.infer<typeof planMetricSchema>;

export const VERDICTS = ['non-inferior', 'inferior', 'continue', 'inconclusive', 'no-data', 'srm', 'error'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One metric's statistic at one look: D = R_T − (1 − m) R_C (mirrored for lower-is-better) with its bounds. */
export interface MetricEvidence {
  metric: Metric;
  role: 'primary' | 'guardrail' | 'signal';
  margin: number;
  canary: number;
  control: number;
  relativeEffect: number;
  d: number;
  standardError: number;
  lower: number;
  upper: number;
  n: number;
  verdict: Verdict;
  /** Present when the pre-period lowered the variance of `d`: its factor, and the standard error without it. */
  cuped?: { theta: number; unadjustedStandardError: number };
}

/** A pre-registered segment's statistic at one look. */
export type SegmentEvidence = MetricEvidence & Segment;

/** Inputs, statistic and bounds behind one verdict; stored at every look. */
export interface Evidence {
  rolloutId: string;
  stage: number;
  look: number;
  atMs: number;
  /** Decisions in time buckets up to here count; later labels are not mature. */
  matureUntilMs: number;
  decisions: { canary: number; control: number };
  primaryEvents: { canary: number; control: number };
  nonEmptyBuckets: { canary: number; control: number };
  srmP: number;
  metrics: MetricEvidence[];
  /** Absent in evidence without segment guardrails. */
  segments?: SegmentEvidence[];
  /** `streak` = consecutive breaching looks so far, handed to the next look so that a restart does not forget it. */
  catastrophe: { fired: boolean; reason: string; streak: number };
  verdict: Verdict;
  /** One sentence with value, bound and window. */
  reason: string;
  /** Everything the verdict function read, so that it can be judged again: per stage and arm, bucket sums. */
  inputs: unknown;
  digest: string;
}

export const ROLLOUT_STATES = [
  'planned',
  'shadow',
  'awaiting-approval',
  'canary',
  'paused',
  'promoting',
  'promoted',
  'rolling-back',
  'rolled-back',
  'aborted',
  'rejected',
  'refused',
  'queued',
  'superseded',
] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];
/** States in which a rollout changes nothing any more. */
export const FINAL_ROLLOUT_STATES: readonly RolloutState[] = [
  'promoted',
  'rolled-back',
  'aborted',
  'rejected',
  'refused',
  'superseded',
];

export const releaseRequestSchema = z.strictObject({
  fleet: z.string().default('demo'),
  cell: z.string().default('default'),
  agent: agentSchema,
  modelVersionId: z.string().min(1),
  plan: rolloutPlanSchema,
  /** While another rollout holds cell and agent: refuse, or wait for it (a newer one that waits takes the place of an older). */
  whenBusy: z.enum(['refuse', 'queue']).default('refuse'),
});
export type ReleaseRequest = z.infer<typeof releaseRequestSchema>;

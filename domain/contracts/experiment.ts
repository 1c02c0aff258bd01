import { z } from 'zod';
import { agentSchema } from './agent';
import { METRICS, type MetricEvidence } from './rollout';

/** Kind of policy an arm runs: four agents, or one net for all of them. */
export const FAMILIES = ['multi-agent', 'monolith'] as const;
export type Family = (typeof FAMILIES)[number];

/** What one arm serves: the versions named here, and the champion of every agent that is not named. */
export const experimentArmSchema = z.strictObject({
  family: z.enum(FAMILIES).default('multi-agent'),
  versions: z.partialRecord(agentSchema, z.string().min(1)).default({}),
});
export type ExperimentArm = z.infer<typeof experimentArmSchema>;

/** The two policies that are compared: versions of one agent, bundles of several, or two families. */
export const experimentSubjectSchema = z.strictObject({
  control: experimentArmSchema,
  treatment: experimentArmSchema,
});
export type ExperimentSubject = z.infer<typeof experimentSubjectSchema>;

const guardrailSchema = z.strictObject({
  metric: z.enum(METRICS),
  margin: z.number().min(0).max(1).default(0.05),
});

/** An experiment's plan: everything that is fixed before the first request is served (pre-registration). */
export const experimentPlanSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1).max(100),
  hypothesis: z.string().max(1000).default(''),
  /** Error of the two-sided read-out over all looks together. */
  alpha: z.number().gt(0).lt(0.5).default(0.05),
  primary: z.enum(METRICS),
  guardrails: z.array(guardrailSchema).max(20).default([]),
  /** Share of users in the treatment, basis points; all others are the control. */
  treatmentShareBps: z.number().int().min(100).max(9500).default(5000),
  /** Serving time after which the read-out is taken; time in which it was paused does not count. */
  horizonSeconds: z
    .number()
    .int()
    .min(1)
    .max(90 * 86_400),
  lookEverySeconds: z.number().int().min(1).default(3600),
  /** Length of a KPI time bucket, seconds. */
  bucketSeconds: z.number().int().min(1).default(300),
  labelMaturitySeconds: z.number().int().min(0).default(3600),
  /** How long the data may be unusable (sample ratio mismatch, none at all) before the experiment ends as invalid. */
  decisionDeadlineSeconds: z.number().int().min(1).default(86_400),
  /** How long it may be paused in one go before it ends. */
  pauseLimitSeconds: z
    .number()
    .int()
    .min(1)
    .default(7 * 86_400),
  /** Smallest relative effect that is worth knowing; the interval is tightest for it. */
  effectOfInterest: z.number().gt(0).max(1).default(0.05),
  /** Needed per arm for the read-out to mean anything. */
  minPrimaryEvents: z.number().int().min(0).default(100),
  /** Primary events per second expected fleet-wide; measured when absent. */
  expectedPrimaryPerSecond: z.number().positive().optional(),
  feasibility: z.enum(['enforced', 'waived']).default('enforced'),
  waiverReason: z.string().optional(),
});
export type ExperimentPlan = z.infer<typeof experimentPlanSchema>;

export const experimentRequestSchema = z.strictObject({
  fleet: z.string().default('demo'),
  cell: z.string().default('default'),
  subject: experimentSubjectSchema,
  plan: experimentPlanSchema,
});
export type ExperimentRequest = z.infer<typeof experimentRequestSchema>;

export const EXPERIMENT_STATES = ['registered', 'opening', 'running', 'paused', 'ending', 'ended', 'refused'] as const;
export type ExperimentState = (typeof EXPERIMENT_STATES)[number];

/** What one look says; only the one at the horizon becomes a result. */
export const EXPERIMENT_VERDICTS = [
  'treatment-better',
  'control-better',
  'no-difference-shown',
  'too-few-data',
  'guardrail',
  'srm',
  'no-data',
  'error',
] as const;
export type ExperimentVerdict = (typeof EXPERIMENT_VERDICTS)[number];

/** How an experiment ended: an answer in the first three, an invalid experiment (and why) in all others. */
export const EXPERIMENT_RESULTS = [
  'treatment-better',
  'control-better',
  'no-difference-shown',
  'invalid-too-few-data',
  'invalid-sample-ratio',
  'invalid-no-data',
  'invalid-error',
  'invalid-champion-changed',
  'invalid-paused-too-long',
  'stopped-by-guardrail',
  'aborted',
] as const;
export type ExperimentResult = (typeof EXPERIMENT_RESULTS)[number];

/** Two-sided, anytime-valid comparison of the primary metric; a bound is null while the data bound nothing. */
export interface Readout {
  treatment: number;
  control: number;
  /** Treatment − control in the metric's own unit. */
  difference: { estimate: number; lower: number; upper: number; standardError: number };
  /** Treatment ÷ control − 1. */
  relative: { estimate: number; lower: number | null; upper: number | null };
  /** Always-valid two-sided p of "no difference". */
  p: number;
  alpha: number;
  /** Primary events per arm. */
  events: { treatment: number; control: number };
}

/** One stored look of an experiment. `inputs` is everything that the verdict read. */
export interface ExperimentEvidence {
  experimentId: string;
  /** Serving period: 0, and one more after every resume. */
  period: number;
  look: number;
  atMs: number;
  matureUntilMs: number;
  /** Digest of the registration: the plan this look was judged by. */
  planDigest: string;
  decisions: { treatment: number; control: number };
  srmP: number;
  readout: Readout | null;
  guardrails: MetricEvidence[];
  catastrophe: { fired: boolean; reason: string; streak: number; controlStreak: number };
  verdict: ExperimentVerdict;
  reason: string;
  inputs: unknown;
  digest: string;
}

/** What the traffic at the start lets the experiment find out; printed before it starts, kept with it. */
export interface ExperimentPower {
  primaryPerSecond: number;
  dispersion: number;
  /** Primary events of treatment and control at the horizon, labels mature. */
  expectedEvents: { treatment: number; control: number };
  /** Relative effect whose read-out at the horizon excludes 0 with 95 % probability. */
  minimalDetectableEffect: number;
  /** Serving time after which `effectOfInterest` would be found with 95 % probability; null = never within a year. */
  secondsForEffectOfInterest: number | null;
}

import { z } from 'zod';
import {
  EXPERIMENT_RESULTS,
  EXPERIMENT_STATES,
  EXPERIMENT_VERDICTS,
  experimentPlanSchema,
  experimentRequestSchema,
  experimentSubjectSchema,
} from '#domain/contracts';

/** Bodies and answers of the experiments' API. Plan and subject stay raw in a request: the linter lists every fault of both. */
export const newExperimentSchema = z.strictObject({
  ...experimentRequestSchema.shape,
  subject: z.record(z.string(), z.unknown()),
  plan: z.record(z.string(), z.unknown()),
});

export const powerSchema = z.object({
  primaryPerSecond: z.number(),
  dispersion: z.number(),
  expectedEvents: z.object({ treatment: z.number(), control: z.number() }),
  /** Null: no effect at all is found by the horizon. */
  minimalDetectableEffect: z.number().nullable(),
  secondsForEffectOfInterest: z.number().nullable(),
});

export const startedExperimentSchema = z.object({
  experimentId: z.string(),
  workflowId: z.string(),
  planDigest: z.string(),
  power: powerSchema.nullable(),
});

/** The workflow's own view (workflows/experiment/messages.ts, ExperimentView). */
export const experimentViewSchema = z.record(z.string(), z.unknown());

export const experimentSchema = z.object({
  experimentId: z.string(),
  fleet: z.string(),
  cell: z.string(),
  subject: experimentSubjectSchema,
  plan: experimentPlanSchema,
  planDigest: z.string(),
  requestedBy: z.string(),
  state: z.enum(EXPERIMENT_STATES),
  result: z.enum(EXPERIMENT_RESULTS).nullable(),
  period: z.number().int(),
  look: z.number().int(),
  shareBps: z.number().int(),
  verdict: z.enum(EXPERIMENT_VERDICTS).nullable(),
  reason: z.string(),
  waitingFor: z.string().nullable(),
  view: experimentViewSchema.nullable(),
  registeredAt: z.string(),
  endedAt: z.string().nullable(),
  latestEvidence: z.record(z.string(), z.unknown()).nullable(),
});

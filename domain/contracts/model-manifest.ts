import { z } from 'zod';
import { agentPolicySchema, agentSchema } from './agent';
import { METRICS } from './rollout';

/**
 * What an offline gate expects of the canary, to be scored against what it finds. `relativeEffect` is candidate over champion
 * minus 1, `lower` and `upper` its interval at `confidence`.
 */
export const forecastSchema = z.object({
  source: z.enum(['ope', 'simulator']),
  metric: z.enum(METRICS),
  relativeEffect: z.number(),
  lower: z.number(),
  upper: z.number(),
  confidence: z.number().gt(0).lt(1),
});
export type Forecast = z.infer<typeof forecastSchema>;

const driftBinsSchema = z.object({
  name: z.string(),
  edges: z.array(z.number()),
  shares: z.array(z.number()).min(1),
  n: z.number().int().positive(),
});

/** Registry entry of one agent policy: immutable once written. */
export const modelManifestSchema = z.object({
  modelVersionId: z.string(),
  agent: agentSchema,
  family: z.enum(['multi-agent', 'monolith']),
  parentId: z.string().nullable(),
  policy: agentPolicySchema,
  workflowId: z.string(),
  runId: z.string(),
  codeSha: z.string(),
  window: z
    .object({
      windowId: z.string(),
      contentSha256: z.string(),
      rows: z.number().int(),
      fromMs: z.number(),
      toMs: z.number(),
    })
    .nullable(),
  featureSpecHash: z.string(),
  hyperParameters: z.record(z.string(), z.unknown()),
  seed: z.number().int(),
  gates: z.array(
    z.object({
      gate: z.enum(['held-out-likelihood', 'simulator', 'parity', 'ope']),
      passed: z.boolean(),
      value: z.number(),
      bound: z.number(),
      n: z.number(),
      reason: z.string(),
      /** Absent in manifests of before, and where the gate forecasts nothing that a canary measures. */
      forecast: forecastSchema.optional(),
    }),
  ),
  /** Quantile bins of the training inputs and of the predictions on them, for drift; absent in older and untrained versions. */
  driftBins: z
    .object({ inputs: z.array(driftBinsSchema), predictions: z.array(driftBinsSchema) })
    .nullable()
    .optional(),
  createdAt: z.string(),
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;
export type GateResult = ModelManifest['gates'][number];

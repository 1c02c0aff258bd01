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

const excludedIncidentSchema = z.object({
  incidentId: z.string(),
  fromMs: z.number(),
  toMs: z.number().nullable(),
  rolloutId: z.string().nullable(),
  reason: z.string(),
});

/** Report of the data gate (domain/learning/validation). */
export const dataReportSchema = z.object({
  verdict: z.enum(['pass', 'block']),
  rowsIn: z.number().int(),
  rowsKept: z.number().int(),
  wins: z.number().int(),
  filtered: z.record(z.string(), z.number().int()),
  findings: z.array(
    z.object({
      code: z.string(),
      severity: z.enum(['block', 'warn']),
      detail: z.string(),
      value: z.number(),
      bound: z.number(),
    }),
  ),
});

/** An int8 twin ships only when it loses less than `lossBound` (nats per row, upper 95 %) and is `speedBound` times as fast. */
export const int8TwinSchema = z.object({
  sha256: z.string(),
  sizeBytes: z.number().int(),
  originalSha256: z.string(),
  lossNats: z.number(),
  lossBound: z.number(),
  /** Median run time of the original over that of the twin, at `batchRows` rows. */
  speedRatio: z.number(),
  speedBound: z.number(),
  batchRows: z.number().int(),
  shipped: z.boolean(),
  reason: z.string(),
});
export type Int8Twin = z.infer<typeof int8TwinSchema>;

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
      /** Incidents whose decisions were left out, and how many bids that was; absent in windows from before. */
      excluded: z.array(excludedIncidentSchema).optional(),
      excludedRows: z.number().int().optional(),
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
      /**
       * What the evidence says where passing does not: an off-policy evaluation stops only what it proves to be worse. Absent at the
       * other gates.
       */
      verdict: z.enum(['non-inferior', 'inferior', 'inconclusive', 'no-data']).optional(),
      /** Absent in manifests of before, and where the gate forecasts nothing that a canary measures. */
      forecast: forecastSchema.optional(),
    }),
  ),
  /** Quantile bins of the training inputs and of the predictions on them, for drift; absent in older and untrained versions. */
  driftBins: z
    .object({ inputs: z.array(driftBinsSchema), predictions: z.array(driftBinsSchema) })
    .nullable()
    .optional(),
  /** What the data gate found in the window; absent in manifests from before it. */
  data: dataReportSchema.optional(),
  /** The int8 twin: what it loses, how fast it is, and whether it is what serves. */
  int8: int8TwinSchema.optional(),
  createdAt: z.string(),
});
export type ModelManifest = z.infer<typeof modelManifestSchema>;
export type GateResult = ModelManifest['gates'][number];

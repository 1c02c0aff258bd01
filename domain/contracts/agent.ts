import { z } from 'zod';
import { AGENTS, type Agent } from './agent-names';

export { AGENTS, type Agent };
export const agentSchema = z.enum(AGENTS);

/** Arms of live traffic. Shadows decide without effect and are therefore no arm. */
export const ARMS = ['champion', 'canary'] as const;
export type Arm = (typeof ARMS)[number];
export const armSchema = z.enum(ARMS);

/** How an agent's value came about: by its model, by its rule baseline, overruled by another agent, or the safe bid. */
export type DecisionMode = 'model' | 'baseline' | 'overruled' | 'safe';

/** Budget agent: traffic-aware PID (agents.md, "Budget agent"). Gains act on shares of the daily budget. */
export const budgetParamsSchema = z.object({
  kp: z.number(),
  ki: z.number(),
  kd: z.number(),
  clip: z.number().positive(),
  slewUpPerMinute: z.number().positive(),
  slewDownPerMinute: z.number().positive(),
  band: z.number().nonnegative(),
  kMin: z.number().positive(),
  kMax: z.number().positive(),
  /** 168 shares of a week's traffic by hour of week (Monday 00:00 first, the campaign's time zone); sums to 1. */
  trafficShares: z.array(z.number().nonnegative()).length(168),
});
export type BudgetParams = z.infer<typeof budgetParamsSchema>;

/** Creative agent's baseline: best smoothed click rate with an exploration floor. */
export const creativeParamsSchema = z.object({
  epsilon: z.number().min(0).max(1),
  /** Pseudo-counts of the smoothed rate (clicks + priorClicks) / (impressions + priorImpressions). */
  priorClicks: z.number().positive(),
  priorImpressions: z.number().positive(),
  /** Probability of a conversion after a click, used by CPA goals until a model learns it. */
  conversionRate: z.number().min(0).max(1),
});
export type CreativeParams = z.infer<typeof creativeParamsSchema>;

/** Bid agent: surplus shading on the win model's law, log-normal in the price (agents.md, "Bid agent"). */
export const bidParamsSchema = z.object({
  gridPoints: z.number().int().min(2).max(64),
  epsilon: z.number().min(0).max(0.5),
  sigmaExplore: z.number().positive(),
  /** Bounds of a believable model output, ln(USD per mille) and its standard deviation; outside: baseline. */
  muBounds: z.tuple([z.number(), z.number()]),
  sigmaBounds: z.tuple([z.number().positive(), z.number().positive()]),
});
export type BidParams = z.infer<typeof bidParamsSchema>;

/** Frequency agent's baseline: fatigue factor base^f over exposures of the last 24 h. */
export const frequencyParamsSchema = z.object({ base: z.number().min(0).max(1) });
export type FrequencyParams = z.infer<typeof frequencyParamsSchema>;

const artifactSchema = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.number().int().positive(),
  inputName: z.string(),
  outputName: z.string(),
  inputWidth: z.number().int().positive(),
  outputWidth: z.number().int().positive(),
  featureSpecHash: z.string(),
  /** Golden inputs and outputs that the edge runs before the artifact goes live. */
  parity: z.array(z.object({ input: z.array(z.number()), output: z.array(z.number()) })).min(1),
  tolerance: z.number().positive(),
});
export type ArtifactRef = z.infer<typeof artifactSchema>;

const agentPolicy = <A extends Agent, S extends z.ZodType>(agent: A, params: S) =>
  z.object({
    modelVersionId: z.string(),
    agent: z.literal(agent),
    kind: z.enum(['model', 'baseline']),
    params,
    artifact: artifactSchema.nullable(),
  });

export const budgetPolicySchema = agentPolicy('budget', budgetParamsSchema);
export const creativePolicySchema = agentPolicy('creative', creativeParamsSchema);
export const bidPolicySchema = agentPolicy('bid', bidParamsSchema);
export const frequencyPolicySchema = agentPolicy('frequency', frequencyParamsSchema);
export const agentPolicySchema = z.discriminatedUnion('agent', [
  budgetPolicySchema,
  creativePolicySchema,
  bidPolicySchema,
  frequencyPolicySchema,
]);
export type BudgetPolicy = z.infer<typeof budgetPolicySchema>;
export type CreativePolicy = z.infer<typeof creativePolicySchema>;
export type BidPolicy = z.infer<typeof bidPolicySchema>;
export type FrequencyPolicy = z.infer<typeof frequencyPolicySchema>;
export type AgentPolicy = z.infer<typeof agentPolicySchema>;

/** One policy for each agent: what an arm serves. */
export const policyBundleSchema = z.object({
  budget: budgetPolicySchema,
  creative: creativePolicySchema,
  bid: bidPolicySchema,
  frequency: frequencyPolicySchema,
});
export type PolicyBundle = z.infer<typeof policyBundleSchema>;

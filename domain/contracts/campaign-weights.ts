import { z } from 'zod';
import { WEIGHTS, WEIGHT_NAMES, type WeightName } from './weight-ranges';

const ranged = (name: WeightName) => z.number().min(WEIGHTS[name].least).max(WEIGHTS[name].most);

/** Weights of one campaign that differ from their start, each inside its declared range. */
export const campaignWeightsSchema = z.partialRecord(z.enum(WEIGHT_NAMES), z.number()).check((ctx) => {
  for (const [name, value] of Object.entries(ctx.value) as [WeightName, number][]) {
    const found = ranged(name).safeParse(value);
    if (!found.success)
      ctx.issues.push({ code: 'custom', input: value, path: [name], message: found.error.issues[0]!.message });
  }
});

/**
 * Reward weights as state: tuned by the meta-agent inside the ranges that the policy declares, the same for both arms. `version`
 * grows with every change; 0 = everything at its start.
 */
export const weightStateSchema = z.object({
  version: z.number().int().nonnegative(),
  campaigns: z.record(z.string(), campaignWeightsSchema),
});
export type CampaignWeights = Partial<Record<WeightName, number>>;
export type WeightState = z.infer<typeof weightStateSchema>;

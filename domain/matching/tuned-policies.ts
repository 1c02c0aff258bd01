import type { BidParams, BudgetParams, CreativeParams, FrequencyParams, PolicyBundle } from '../contracts/agent';
import type { CampaignWeights } from '../contracts/campaign-weights';
import { WEIGHT_NAMES, WEIGHTS, type WeightName } from '../contracts/weight-ranges';

/** An arm's parameters with a campaign's weights in them. */
export interface TunedParams {
  readonly budget: BudgetParams;
  readonly creative: CreativeParams;
  readonly bid: BidParams;
  readonly frequency: FrequencyParams;
}

/**
 * The policy's parameters with the campaign's reward weights put in; without weights they are the policy's own objects. Weights not
 * named keep the policy's values: a weight takes effect only once it was changed. Both arms of a rollout get the same weights.
 */
export function tunedParams(policies: PolicyBundle, weights: CampaignWeights | undefined): TunedParams {
  const budget = policies.budget.params;
  const creative = policies.creative.params;
  const bid = policies.bid.params;
  const frequency = policies.frequency.params;
  if (weights === undefined) return { budget, creative, bid, frequency };
  const { kMax, epsilonBid, sigmaBid, epsilonCreative, wFatigue } = weights;
  return {
    budget: kMax === undefined ? budget : { ...budget, kMax: Math.max(budget.kMin, kMax) },
    creative: epsilonCreative === undefined ? creative : { ...creative, epsilon: epsilonCreative },
    bid:
      epsilonBid === undefined && sigmaBid === undefined
        ? bid
        : { ...bid, epsilon: epsilonBid ?? bid.epsilon, sigmaExplore: sigmaBid ?? bid.sigmaExplore },
    frequency: wFatigue === undefined ? frequency : { ...frequency, base: tunedFatigueBase(frequency.base, wFatigue) },
  };
}

/** At the weight's start the policy's own base; 0 = exposures cost nothing; twice the start = every exposure counts double. */
const tunedFatigueBase = (base: number, wFatigue: number): number => Math.pow(base, wFatigue / WEIGHTS.wFatigue.start);

/** Value of each served weight while nobody has changed it: the policy's own, put into the declared range. */
export function policyWeights(policies: PolicyBundle): Record<WeightName, number> {
  const own: CampaignWeights = {
    kMax: policies.budget.params.kMax,
    epsilonBid: policies.bid.params.epsilon,
    sigmaBid: policies.bid.params.sigmaExplore,
    epsilonCreative: policies.creative.params.epsilon,
  };
  const values = WEIGHT_NAMES.map((name) => {
    const { least, most, start } = WEIGHTS[name];
    return [name, Math.min(most, Math.max(least, own[name] ?? start))];
  });
  return Object.fromEntries(values) as Record<WeightName, number>;
}

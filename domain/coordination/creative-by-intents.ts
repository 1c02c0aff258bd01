import { chooseCreative, type CreativeChoice } from '../agents/creative';
import type { Survivor } from '../matching/match';
import type { ServedCreative } from '../matching/served-campaign';
import type { ImpressionScene } from './impression-scene';

/**
 * Share of a campaign's exploration allowance that may be used up on a segment where Bid is conservative; the rest is kept for the
 * segments where exploring is cheap.
 */
export const CONSERVATIVE_SHARE = 0.5;

/** Creative's choice under the other agents' intents. */
export interface IntendedChoice {
  /** Variants that Creative may draw from: the action set. `choice` counts in it. */
  readonly pool: readonly ServedCreative[];
  readonly choice: CreativeChoice;
  /** What Creative would have played had Frequency said nothing; the played one when it has not. */
  readonly ownVariant: ServedCreative;
  readonly isConservative: boolean;
  /** Prices may be explored: allowance is left, and Bid itself is not conservative. */
  readonly mayExplorePrice: boolean;
}

/**
 * Step 0 for one campaign (agents.md, "Coordination"): saturated variants leave the action set while another is left; exploration is
 * allowed inside the campaign's allowance, inside `creative.explore`, and inside half of the allowance where Bid is conservative;
 * else Creative's second choice, its best, is played. Propensities are exact over the action set.
 */
export function chooseByIntents(
  scene: ImpressionScene,
  survivor: Survivor,
  epsilon: number,
  uniform: number,
): IntendedChoice {
  const { context, request, index } = scene;
  const { intents } = index;
  const { creatives, state, campaign } = survivor;
  const rate = (creative: ServedCreative): number => creative.estimates[context.arm].pCtr;
  if (intents.isQuiet) {
    const mayExplore = state.explorationLeft > 0;
    const choice = chooseCreative(creatives, rate, epsilon, mayExplore, uniform);
    const ownVariant = creatives[choice.playedIndex] as ServedCreative;
    return { pool: creatives, choice, ownVariant, isConservative: false, mayExplorePrice: mayExplore };
  }
  const { nowMs } = context;
  const { exchange } = request;
  const fresh = creatives.filter((one) => !intents.isSaturated(one.creativeId, exchange, one.size, nowMs));
  const pool = fresh.length === 0 ? creatives : fresh;
  const isConservative = pool.some((one) => intents.isConservative(exchange, one.size, nowMs));
  const allowance = campaign.campaign.explorationAllowance;
  const intended = intents.exploreAllowance(campaign.campaignId, nowMs);
  const usable = Math.min(
    1,
    intended === null || !(allowance > 0) ? 1 : intended / allowance,
    isConservative ? CONSERVATIVE_SHARE : 1,
  );
  const mayExplore = state.explorationLeft > 1 - usable;
  const choice = chooseCreative(pool, rate, epsilon, mayExplore, uniform);
  const own = pool === creatives ? choice : chooseCreative(creatives, rate, epsilon, mayExplore, uniform);
  return {
    pool,
    choice,
    ownVariant: creatives[own.playedIndex] as ServedCreative,
    isConservative,
    mayExplorePrice: !isConservative && state.explorationLeft > 0,
  };
}

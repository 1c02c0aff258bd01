import type { RolloutPlan } from '../contracts';
import { anytimeHalfWidth, priorVarianceFor } from '../evaluation/confidence-sequence';

/** Relative effects a plan is powered for: `better` must end non-inferior, `worse` inferior. */
export interface DesignEffect {
  better: number;
  worse: number;
}

/** Share of the old champion's users that stays behind at 100 %, basis points (control-plane.md, "Rollout"). */
export const HOLDBACK_BPS = 500;

/** Share of users a stage really serves with the canary, in (0, 0.95]. */
export const servedShare = (stage: { shareBps: number }): number =>
  Math.min(stage.shareBps, 10_000 - HOLDBACK_BPS) / 10_000;

/** The plan's primary metric, or undefined in a plan that was not linted. */
export const primaryOf = (plan: RolloutPlan) => plan.metrics.find((metric) => metric.role === 'primary');

/** The effects the plan names, else 0 and twice the primary's margin below 0. */
export function designEffectOf(plan: RolloutPlan): DesignEffect {
  return plan.designEffect ?? { better: 0, worse: -2 * (primaryOf(plan)?.margin ?? 0.05) };
}

/**
 * Prior variance tau² of D relative to the control's ratio, from the plan alone and so fixed before the start. The interval
 * is tightest where its half-width equals the smaller distance of the design effects from the margin; the planned
 * information is twice that (statistics.md 1: se* at half the planned information).
 */
export function relativePriorVariance(plan: RolloutPlan): number {
  const margin = primaryOf(plan)?.margin ?? 0.05;
  const { better, worse } = designEffectOf(plan);
  const gap = Math.max(Math.min(better + margin, -worse - margin), 0.01);
  const unitPrior = priorVarianceFor(1, plan.alpha, 'one');
  const tightest = anytimeHalfWidth(1, unitPrior, plan.alpha, 'one');
  return (gap / tightest) ** 2 * unitPrior;
}

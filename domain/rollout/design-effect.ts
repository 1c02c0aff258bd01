import type { RolloutPlan } from '../contracts';
import { METRIC_CATALOGUE } from './metric-catalogue';
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

/** Level of each test for `inferior`: alpha over all guardrails and segments that can roll back (Bonferroni; statistics.md 3). */
export function inferiorAlphaOf(plan: RolloutPlan): number {
  const metrics = plan.metrics.filter((m) => m.role !== 'signal' && METRIC_CATALOGUE[m.metric].kind === 'ratio').length;
  return plan.alpha / Math.max(1, metrics + (plan.segmentGuardrails?.length ?? 0));
}

/** z of the power that a plan is built for, 95 %. */
const POWER_Z = 1.6448536269514722;

/**
 * Planned standard error of D at the end, relative to the control's ratio: where a true effect at the nearer design effect is
 * decided in 95 % of rollouts, i.e. its half-width and 1.645 standard errors fit between effect and margin.
 */
export function plannedStandardError(plan: RolloutPlan): number {
  const margin = primaryOf(plan)?.margin ?? 0.05;
  const { better, worse } = designEffectOf(plan);
  const gap = Math.max(Math.min(better + margin, -worse - margin), 0.01);
  // The half-width scales with the standard error, so one unit of it is enough to solve for.
  const halfWidth = anytimeHalfWidth(1, priorVarianceFor(Math.SQRT2, plan.alpha, 'one'), plan.alpha, 'one');
  return gap / (halfWidth + POWER_Z);
}

/**
 * Prior variance tau² of D relative to the control's ratio, from the plan alone and so fixed before the start: the interval is
 * tightest at half the planned information, se*² = 2 se_final² (statistics.md 1).
 */
export const relativePriorVariance = (plan: RolloutPlan): number =>
  priorVarianceFor(Math.SQRT2 * plannedStandardError(plan), plan.alpha, 'one');

import type { ExperimentPlan, Readout } from '../contracts';
import { anytimeHalfWidth, anytimeP, priorVarianceFor } from '../evaluation/confidence-sequence';
import { adjustDifference, combineStages, type Difference } from '../evaluation/non-inferiority';
import type { MetricSample } from '../rollout/metric-test';

/** Relative effects beyond these are not searched for: a bound that lies further out bounds nothing. */
const LOWEST = -1;
const HIGHEST = 10;
/** Bisection steps: 36 halvings of a range of 10 leave an error below 2e-10. */
const HALVINGS = 36;
/** First step away from the estimate when a bound is searched, then doubled. */
const FIRST_STEP = 1e-4;

/**
 * Prior variance tau² of the effect relative to the control's ratio, from the plan alone and so fixed at registration: the
 * two-sided sequence is tightest where its half-width is the effect of interest (statistics.md 1).
 */
export function relativePriorOf(plan: Pick<ExperimentPlan, 'alpha' | 'effectOfInterest'>): number {
  const unitPrior = priorVarianceFor(1, plan.alpha, 'two');
  return (plan.effectOfInterest / anytimeHalfWidth(1, unitPrior, plan.alpha, 'two')) ** 2 * unitPrior;
}

/**
 * D(δ) = R_T − (1 + δ)·R_C and its variance over serving periods, each with its own concurrent control, less what the same
 * users' past explains (CUPED); δ = 0 is the plain difference. Nothing is divided by a noisy R_C.
 */
function differenceAt(sample: MetricSample, delta: number): Difference | null {
  const factor = 1 + delta;
  return combineStages(
    sample.strata.map(({ canary, control, canaryUnits, controlUnits, weight, pre }) => {
      const plain = {
        d: canary.ratio - factor * control.ratio,
        variance: canary.variance + factor ** 2 * control.variance,
      };
      const less = pre && adjustDifference(plain, pre, -delta, 'higher', Math.min(canary.n, control.n));
      return { ...(less ?? plain), treatmentUnits: canaryUnits, controlUnits, weight };
    }),
  );
}

/**
 * Two-sided read-out of one ratio metric, valid at every look at once. The interval of the relative effect holds every δ that
 * the sequence does not reject (Fieller's way), so it excludes 0 exactly when the plain difference is significant.
 * Null without data, without variance, or when the control's ratio is 0.
 * Source: statistics.md 1 (eq. 9 of arXiv 2103.06476) and 2.
 */
export function readOut(
  sample: MetricSample | null,
  plan: Pick<ExperimentPlan, 'alpha' | 'effectOfInterest'>,
): Readout | null {
  if (!sample || !(sample.control > 0)) return null;
  const plain = differenceAt(sample, 0);
  if (!plain || !(plain.variance > 0)) return null;
  const { alpha } = plan;
  const priorVariance = relativePriorOf(plan) * sample.control ** 2;
  const standardError = Math.sqrt(plain.variance);
  const half = anytimeHalfWidth(standardError, priorVariance, alpha, 'two');
  const raw = sample.canary / sample.control - 1;
  // Where D(δ) is 0: the raw effect unless the past was taken out.
  const estimate = raw + differenceAt(sample, raw)!.d / sample.control;
  const holds = (delta: number): boolean => {
    const at = differenceAt(sample, delta)!;
    return Math.abs(at.d) <= anytimeHalfWidth(Math.sqrt(at.variance), priorVariance, alpha, 'two');
  };
  return {
    treatment: sample.canary,
    control: sample.control,
    difference: { estimate: plain.d, lower: plain.d - half, upper: plain.d + half, standardError },
    relative: { estimate, lower: boundFrom(estimate, -1, holds), upper: boundFrom(estimate, 1, holds) },
    p: anytimeP(plain.d, standardError, priorVariance),
    alpha,
    events: { treatment: sample.canaryEvents, control: sample.controlEvents },
  };
}

/** Where `holds` ends on the way from `estimate` down (−1) or up (+1); null when it holds to the end of the range. */
function boundFrom(estimate: number, direction: 1 | -1, holds: (delta: number) => boolean): number | null {
  const last = direction < 0 ? LOWEST : HIGHEST;
  let inside = estimate;
  let outside = estimate;
  for (let step = FIRST_STEP; ; step *= 2) {
    outside = direction < 0 ? Math.max(last, estimate - step) : Math.min(last, estimate + step);
    if (!holds(outside)) break;
    if (outside === last) return null;
    inside = outside;
  }
  for (let k = 0; k < HALVINGS; k++) {
    const middle = (inside + outside) / 2;
    if (holds(middle)) inside = middle;
    else outside = middle;
  }
  return (inside + outside) / 2;
}

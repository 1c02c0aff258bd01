import { anytimeHalfWidth } from './confidence-sequence';
import type { RatioEstimate } from './ratio-metric';

/** Which way a metric is better. */
export type Better = 'higher' | 'lower';

/** D with its variance: D > 0 means the candidate is not worse than the margin allows. */
export interface Difference {
  d: number;
  variance: number;
}

/** Outcome of one bound pair; at the horizon the caller turns `continue` into `inconclusive`. */
export type BoundVerdict = 'non-inferior' | 'inferior' | 'continue';

/** Bounds of D at one look. */
export interface JudgedDifference extends Difference {
  standardError: number;
  /** Lower bound at `alpha`: non-inferior when above 0. */
  lower: number;
  /** Upper bound at `inferiorAlpha`: inferior when below 0. */
  upper: number;
  verdict: BoundVerdict;
}

/**
 * D = R_T − (1 − m)·R_C, mirrored (1 + m)·R_C − R_T when lower is better, with independent arms. Nothing is divided by a
 * noisy R_C. @param margin m, relative, e.g. 0.05. Source: statistics.md 3.
 */
export function nonInferiorityDifference(
  treatment: RatioEstimate,
  control: RatioEstimate,
  margin: number,
  better: Better,
): Difference {
  const factor = better === 'higher' ? 1 - margin : 1 + margin;
  const raw = treatment.ratio - factor * control.ratio;
  return { d: better === 'higher' ? raw : -raw, variance: treatment.variance + factor ** 2 * control.variance };
}

/** One stage's part of a stratified difference. */
export interface Stratum extends Difference {
  /** Denominators so far in the two arms; the stage's information is their n_T·n_C/(n_T + n_C). */
  treatmentUnits: number;
  controlUnits: number;
  /** Planned information per unit c_s, fixed before the stage starts. */
  weight: number;
}

/**
 * D = Σ c_s N_s D_s / Σ c_s N_s over stages: arms are never pooled over stages (Simpson's paradox when base rates drift).
 * Null when no stratum has units in both arms. Source: statistics.md 3.
 */
export function combineStages(strata: readonly Stratum[]): Difference | null {
  let total = 0;
  let d = 0;
  let variance = 0;
  for (const stratum of strata) {
    const units = stratum.treatmentUnits + stratum.controlUnits;
    const weight = units > 0 ? (stratum.weight * stratum.treatmentUnits * stratum.controlUnits) / units : 0;
    total += weight;
    d += weight * stratum.d;
    variance += weight ** 2 * stratum.variance;
  }
  return total > 0 ? { d: d / total, variance: variance / total ** 2 } : null;
}

/**
 * Bounds of D by the one-sided anytime-valid sequence, and what they say.
 * @param priorVariance tau² in D's unit squared, fixed before the start
 * @param alpha of the lower bound; `inferiorAlpha` of the upper one (Bonferroni over guardrails), default `alpha`
 */
export function judgeDifference(
  difference: Difference,
  priorVariance: number,
  alpha: number,
  inferiorAlpha: number = alpha,
): JudgedDifference {
  const standardError = Math.sqrt(difference.variance);
  const down = standardError > 0 ? anytimeHalfWidth(standardError, priorVariance, alpha, 'one') : 0;
  const up = standardError > 0 ? anytimeHalfWidth(standardError, priorVariance, inferiorAlpha, 'one') : 0;
  const lower = difference.d - down;
  const upper = difference.d + up;
  const verdict = lower > 0 ? 'non-inferior' : upper < 0 ? 'inferior' : 'continue';
  return { ...difference, standardError, lower, upper, verdict };
}

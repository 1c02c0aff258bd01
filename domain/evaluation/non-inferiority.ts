import { anytimeHalfWidth } from './confidence-sequence';
import type { RatioEstimate } from './ratio-metric';

/** Which way a metric is better. */
export type Better = 'higher' | 'lower';

/** D with its variance: D > 0 means the candidate is not worse than the margin allows. */
export interface Difference {
  d: number;
  variance: number;
}

/**
 * What the same units' pre-exposure ratio P says about D. Assignment is random, so P_T − P_C has mean 0 and D − theta·(P_T − P_C)
 * estimates what D does; theta = cov(D, P_T − P_C) / var(P_T − P_C), pooled over both arms. Source: statistics.md 5; Deng et al., WSDM 2013.
 */
export interface PreExposure {
  /** P_T − P_C. */
  difference: number;
  /** Variances of P, and covariances of R and P, per arm. */
  treatmentVariance: number;
  controlVariance: number;
  treatmentCovariance: number;
  controlCovariance: number;
}

/** D adjusted by its pre-exposure covariate. */
export interface AdjustedByPreExposure extends Difference {
  theta: number;
}

/**
 * D with less variance, or null when the covariate does not lower it.
 * @param units least count of units per arm: theta costs one degree of freedom
 */
export function adjustDifference(
  difference: Difference,
  pre: PreExposure,
  margin: number,
  better: Better,
  units: number,
): AdjustedByPreExposure | null {
  const factor = better === 'higher' ? 1 - margin : 1 + margin;
  const sign = better === 'higher' ? 1 : -1;
  const ofCovariate = pre.treatmentVariance + pre.controlVariance;
  if (!(ofCovariate > 0) || units < 3) return null;
  // D = ±(R_T − f·R_C), so its covariance with P_T − P_C is ±(cov_T + f·cov_C).
  const covariance = sign * (pre.treatmentCovariance + factor * pre.controlCovariance);
  const theta = covariance / ofCovariate;
  const left = (difference.variance - theta * covariance) * ((units - 1) / (units - 2));
  if (!(left > 0 && left < difference.variance)) return null;
  return { d: difference.d - theta * pre.difference, variance: left, theta };
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

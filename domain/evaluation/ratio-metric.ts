import { studentTwoSidedP, studentTwoSidedQuantile, welchDegrees } from './student-t';

/** One unit's totals (a user, or a user-hash bucket): numerator m and denominator d. */
export interface UnitTotals {
  numerator: number;
  denominator: number;
}

/** Sufficient statistics of a ratio metric over units; plain sums, so mergeable over disjoint units. */
export interface RatioSums {
  n: number;
  sm: number;
  smm: number;
  sd: number;
  sdd: number;
  smd: number;
}

/** R = Σm / Σd with the variance of R. */
export interface RatioEstimate {
  ratio: number;
  variance: number;
  /** Units. */
  n: number;
}

/** Sums of a list of units. */
export function ratioSums(units: readonly UnitTotals[]): RatioSums {
  const sums: RatioSums = { n: units.length, sm: 0, smm: 0, sd: 0, sdd: 0, smd: 0 };
  for (const { numerator: m, denominator: d } of units) {
    sums.sm += m;
    sums.smm += m * m;
    sums.sd += d;
    sums.sdd += d * d;
    sums.smd += m * d;
  }
  return sums;
}

/** Sums of two disjoint sets of units. */
export function mergeRatioSums(a: RatioSums, b: RatioSums): RatioSums {
  return {
    n: a.n + b.n,
    sm: a.sm + b.sm,
    smm: a.smm + b.smm,
    sd: a.sd + b.sd,
    sdd: a.sdd + b.sdd,
    smd: a.smd + b.smd,
  };
}

/**
 * Delta-method estimate from sums; null when there are fewer than two units or no denominator (no data is a value).
 * Source: statistics.md 2; Deng et al., "Applying the delta method in metric analytics", KDD 2018.
 */
export function estimateRatio(s: RatioSums): RatioEstimate | null {
  if (s.n < 2 || !(s.sd > 0)) return null;
  const ratio = s.sm / s.sd;
  const mean = s.sd / s.n;
  const varM = (s.smm - (s.sm * s.sm) / s.n) / (s.n - 1);
  const varD = (s.sdd - (s.sd * s.sd) / s.n) / (s.n - 1);
  const cov = (s.smd - (s.sm * s.sd) / s.n) / (s.n - 1);
  const perUnit = varM - 2 * ratio * cov + ratio * ratio * varD;
  return { ratio, variance: Math.max(0, perUnit) / (s.n * mean * mean), n: s.n };
}

/**
 * The same estimate from the units themselves by their residuals m − R·d, which sum to zero: no cancellation of squares,
 * so it also holds for sums of money in nanos.
 */
export function estimateRatioOf(units: readonly UnitTotals[]): RatioEstimate | null {
  let sm = 0;
  let sd = 0;
  for (const unit of units) {
    sm += unit.numerator;
    sd += unit.denominator;
  }
  const n = units.length;
  if (n < 2 || !(sd > 0)) return null;
  const ratio = sm / sd;
  let squares = 0;
  for (const unit of units) squares += (unit.numerator - ratio * unit.denominator) ** 2;
  return { ratio, variance: (squares * n) / ((n - 1) * sd * sd), n };
}

/** Joint estimate of two ratios of the same units: R of the outcome, P of the pre-exposure period. */
export interface RatioWithCovariate {
  covariate: number;
  covariateVariance: number;
  /** Covariance of R and P. */
  covariance: number;
}

/** Delta-method covariance of two ratios over the same units, in the same order; null when either has no estimate. */
export function covaryRatios(units: readonly UnitTotals[], pre: readonly UnitTotals[]): RatioWithCovariate | null {
  const outcome = estimateRatioOf(units);
  const before = estimateRatioOf(pre);
  if (!outcome || !before || units.length !== pre.length) return null;
  const n = units.length;
  let products = 0;
  let sd = 0;
  let preSd = 0;
  for (let k = 0; k < n; k++) {
    const unit = units[k]!;
    const was = pre[k]!;
    products += (unit.numerator - outcome.ratio * unit.denominator) * (was.numerator - before.ratio * was.denominator);
    sd += unit.denominator;
    preSd += was.denominator;
  }
  return {
    covariate: before.ratio,
    covariateVariance: before.variance,
    covariance: (products * n) / ((n - 1) * sd * preSd),
  };
}

/** B/A − 1 with its standard error (delta method, independent arms), for reports; the tests use D of non-inferiority. */
export interface RelativeEffect {
  effect: number;
  standardError: number;
  /** Fixed-sample interval and two-sided p (Welch's t): valid for one look planned in advance. */
  interval: [number, number];
  p: number;
}

/** Relative effect of `treatment` over `control`; null when the control's ratio is 0. `alpha` two-sided. */
export function relativeEffect(control: RatioEstimate, treatment: RatioEstimate, alpha: number): RelativeEffect | null {
  if (control.ratio === 0) return null;
  const a = control.ratio;
  const b = treatment.ratio;
  const variance = treatment.variance / a ** 2 + (control.variance * b ** 2) / a ** 4;
  const effect = b / a - 1;
  const standardError = Math.sqrt(variance);
  if (standardError === 0) return { effect, standardError, interval: [effect, effect], p: effect === 0 ? 1 : 0 };
  const degrees = welchDegrees(treatment.variance, treatment.n, control.variance, control.n);
  const half = studentTwoSidedQuantile(alpha, degrees) * standardError;
  return {
    effect,
    standardError,
    interval: [effect - half, effect + half],
    p: studentTwoSidedP(effect / standardError, degrees),
  };
}

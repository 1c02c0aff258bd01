import { logGamma } from './gamma-function';
import { normalQuantile } from './normal-distribution';

const MAX_TERMS = 10_000;
const TINY = 1e-300;

/** Regularised incomplete beta function I_x(a, b), a, b > 0, x in [0, 1] (Press et al., Numerical Recipes, 6.4). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x >= 0 && x <= 1) || !(a > 0) || !(b > 0)) return NaN;
  if (x === 0 || x === 1) return x;
  const logFront = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  const front = Math.exp(logFront);
  if (x < (a + 1) / (a + b + 2)) return (front * betaFraction(x, a, b)) / a;
  return 1 - (front * betaFraction(1 - x, b, a)) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || TINY);
  let value = d;
  for (let m = 1; m < MAX_TERMS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || TINY);
    c = 1 + even / c || TINY;
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || TINY);
    c = 1 + odd / c || TINY;
    value *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return value;
}

/** P(|T| >= |t|) of Student's t with `degrees` (> 0, need not be whole) degrees of freedom. */
export const studentTwoSidedP = (t: number, degrees: number): number =>
  incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5);

/** The t > 0 with P(|T| >= t) = alpha, alpha in (0, 1). Bisection on the tail: error below 1e-13 relative. */
export function studentTwoSidedQuantile(alpha: number, degrees: number): number {
  if (!(alpha > 0 && alpha < 1) || !(degrees > 0)) return NaN;
  let low = 0;
  let high = Math.max(1, normalQuantile(1 - alpha / 2));
  while (studentTwoSidedP(high, degrees) > alpha) high *= 2;
  for (let step = 0; step < 100 && high - low > 1e-15 * high; step++) {
    const middle = 0.5 * (low + high);
    if (studentTwoSidedP(middle, degrees) > alpha) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}

/** Welch–Satterthwaite degrees of freedom of a difference of two means with variances of the mean v1, v2. */
export const welchDegrees = (v1: number, n1: number, v2: number, n2: number): number =>
  (v1 + v2) ** 2 / (v1 ** 2 / (n1 - 1) + v2 ** 2 / (n2 - 1));

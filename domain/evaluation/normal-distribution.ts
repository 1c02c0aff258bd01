const SQRT2 = Math.SQRT2;
const SQRT_TWO_PI = 2.50662827463100050241576528481;
const SQRT_PI = 1.77245385090551602729816748334;
const MAX_TERMS = 1000;

/** erf(x) for small |x| by its all-positive series 2x/√π·e^(−x²)·Σ (2x²)^k/(1·3·…·(2k+1)). */
function erfSeries(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < MAX_TERMS; k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return ((2 * x) / SQRT_PI) * Math.exp(-x * x) * sum;
}

/** erfc(x) for x >= 2 by its continued fraction (Abramowitz & Stegun 7.1.14), evaluated backwards. */
function erfcFraction(x: number): number {
  let tail = 0;
  for (let k = 120; k >= 1; k--) tail = k / 2 / (x + tail);
  return Math.exp(-x * x) / (SQRT_PI * (x + tail));
}

/** P(Z >= z) of the standard normal, relative error below 1e-13 also far out in the tail. */
export function normalTail(z: number): number {
  const x = z / SQRT2;
  if (x >= 2) return 0.5 * erfcFraction(x);
  if (x <= -2) return 1 - 0.5 * erfcFraction(-x);
  return 0.5 * (1 - erfSeries(x));
}

/** P(Z <= z) of the standard normal. */
export const normalCdf = (z: number): number => normalTail(-z);

/** Density of the standard normal. */
export const normalDensity = (z: number): number => Math.exp(-0.5 * z * z) / SQRT_TWO_PI;

/**
 * z with P(Z <= z) = p. A rational start (Acklam) polished by Halley steps on `normalCdf`: error below 1e-12.
 * p = 0 and p = 1 give −Infinity and Infinity; outside [0, 1] NaN.
 */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return NaN;
  if (p === 0) return -Infinity;
  if (p === 1) return Infinity;
  if (p > 0.5) return -lowerQuantile(1 - p);
  return lowerQuantile(p);
}

function lowerQuantile(p: number): number {
  let z = p < 0.02425 ? tailStart(p) : centreStart(p);
  for (let step = 0; step < 3; step++) {
    const error = (normalCdf(z) - p) / normalDensity(z);
    z -= error / (1 + 0.5 * z * error);
  }
  return z;
}

function tailStart(p: number): number {
  const q = Math.sqrt(-2 * Math.log(p));
  const top =
    ((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
      4.374664141464968) *
      q +
    2.938163982698783;
  const bottom =
    (((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1;
  return top / bottom;
}

function centreStart(p: number): number {
  const q = p - 0.5;
  const r = q * q;
  const top =
    ((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r + 138.357751867269) * r -
      30.66479806614716) *
      r +
    2.506628277459239;
  const bottom =
    ((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r + 66.80131188771972) * r -
      13.28068155288572) *
      r +
    1;
  return (top * q) / bottom;
}

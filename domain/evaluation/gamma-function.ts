/** Half of ln(2π). */
const HALF_LN_TWO_PI = 0.918938533204672741780329736406;
/** Above this argument six terms of Stirling's series are exact to the last bit of a double. */
const STIRLING_FROM = 15;
const MAX_TERMS = 10_000;
const TINY = 1e-300;

/** δ(x) = ln Γ(x) − Stirling's leading terms, for x >= 15 (Abramowitz & Stegun 6.1.41). */
export function stirlingRest(x: number): number {
  const y = 1 / (x * x);
  return (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - (y * 691) / 360_360))))) / x;
}

/** Natural logarithm of Γ(x), x > 0; NaN elsewhere. */
export function logGamma(x: number): number {
  if (!(x > 0)) return NaN;
  let shifted = x;
  let product = 1;
  while (shifted < STIRLING_FROM) {
    product *= shifted;
    shifted += 1;
  }
  const big = (shifted - 0.5) * Math.log(shifted) - shifted + HALF_LN_TWO_PI + stirlingRest(shifted);
  return product === 1 ? big : big - Math.log(product);
}

/**
 * ln Γ(a + n) − ln Γ(a) − n·ln a, a > 0, n >= 0, without the cancellation of two huge logarithms
 * (a sequential test multiplies many of these).
 */
export function logRisingRatio(a: number, n: number): number {
  let base = a;
  let head = 0;
  // Shift both arguments up by the recurrence until Stirling's series is exact.
  while (base < STIRLING_FROM) {
    head += Math.log(base) - Math.log(base + n);
    base += 1;
  }
  const rise = (base + n - 0.5) * Math.log1p(n / base) - n + stirlingRest(base + n) - stirlingRest(base);
  return head + rise + n * Math.log(base / a);
}

/** Upper regularised incomplete gamma function Q(a, x), a > 0, x >= 0 (Press et al., Numerical Recipes, 6.2). */
export function upperGamma(a: number, x: number): number {
  if (!(a > 0) || !(x >= 0)) return NaN;
  if (x === 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  return x < a + 1 ? 1 - front * lowerSeries(a, x) : front * upperFraction(a, x);
}

function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let k = 1; k < MAX_TERMS; k++) {
    term *= x / (a + k);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum;
}

/** Continued fraction of Γ(a, x)·e^x·x^−a by Lentz's method. */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let value = d;
  for (let k = 1; k < MAX_TERMS; k++) {
    const an = -k * (k - a);
    b += 2;
    d = 1 / (an * d + b || TINY);
    c = b + an / c || TINY;
    value *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return value;
}

/** P(X >= x) of the χ² distribution with `degrees` degrees of freedom. */
export const chiSquareTail = (x: number, degrees: number): number => upperGamma(degrees / 2, x / 2);

/** x with P(X <= x) = level of the χ² distribution, level in (0, 1). Bisection on the tail: error below 1e-14 relative. */
export function chiSquareQuantile(level: number, degrees: number): number {
  if (!(level > 0 && level < 1) || !(degrees > 0)) return NaN;
  const tail = 1 - level;
  let low = 0;
  let high = degrees;
  while (chiSquareTail(high, degrees) > tail) high *= 2;
  for (let step = 0; step < 200 && high - low > 1e-15 * high; step++) {
    const middle = 0.5 * (low + high);
    if (chiSquareTail(middle, degrees) > tail) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}

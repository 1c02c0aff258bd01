import { kolmogorovTail } from './kolmogorov-law';

/** Two-sample comparison of distributions. */
export interface TwoSampleDistance {
  /** Largest vertical distance of the two empirical distribution functions, 0..1. */
  distance: number;
  /** Two-sided p of equal distributions. */
  p: number;
  method: 'exact' | 'asymptotic';
}

/** Largest sample for which the lattice paths are counted; above it the one-sample law stands in (scipy's `auto`). */
export const EXACT_MAX_ROWS = 10_000;

/**
 * Kolmogorov–Smirnov test of two samples, p exact up to 10,000 values a side and else from the law of one sample of
 * n1·n2/(n1+n2) values, as scipy's `ks_2samp` chooses. @throws RangeError when a sample is empty or holds NaN.
 * Sources: Hodges 1958 (paths between two diagonals); statistics.md 8.
 */
export function twoSampleKs(a: readonly number[], b: readonly number[]): TwoSampleDistance {
  const [x, y] = [sorted(a), sorted(b)];
  const common = greatestDivisor(x.length, y.length);
  const steps = largestGap(x, y) / common;
  const distance = steps / ((x.length / common) * y.length);
  if (Math.max(x.length, y.length) <= EXACT_MAX_ROWS)
    return { distance, p: exactKsP(x.length, y.length, steps), method: 'exact' };
  const effective = Math.round((x.length * y.length) / (x.length + y.length));
  return { distance, p: kolmogorovTail(distance, effective), method: 'asymptotic' };
}

/**
 * Two-sided p by the one-sample law alone, for any size. @param distance 0..1
 * @throws RangeError on a size below 1
 */
export function asymptoticKsP(distance: number, sizeA: number, sizeB: number): number {
  if (!(sizeA >= 1 && sizeB >= 1)) throw new RangeError('KS: both samples need values');
  return kolmogorovTail(distance, Math.round((sizeA * sizeB) / (sizeA + sizeB)));
}

/**
 * P(D >= d) over all equally likely orders of `sizeA` + `sizeB` values, d = steps / lcm of the sizes. Only sums of positive terms:
 * no cancellation, no overflow, also for p far below 1e-300.
 */
export function exactKsP(sizeA: number, sizeB: number, steps: number): number {
  if (!(steps > 0)) return 1;
  return sizeA === sizeB ? outsideSquare(sizeA, steps) : outsideBand(sizeA, sizeB, steps);
}

/** Equal sizes: the reflection principle's alternating series, nested so that it never leaves 0..1. */
function outsideSquare(n: number, steps: number): number {
  let p = 0;
  for (let k = Math.floor(n / steps); k >= 0; k--) {
    let term = 1;
    for (let j = 0; j < steps; j++) term *= (n - k * steps - j) / (n + k * steps + j + 1);
    p = term * (1 - p);
  }
  return 2 * p;
}

/**
 * Unequal sizes: for each lattice point (i, j) within the band the share of the paths to it that have left the band; a path comes
 * from (i−1, j) with probability i/(i+j). Points outside the band have share 1.
 */
function outsideBand(sizeA: number, sizeB: number, steps: number): number {
  const common = greatestDivisor(sizeA, sizeB);
  // The longer sample runs along i, so that a column of the band is short.
  const m = Math.max(sizeA, sizeB);
  const n = Math.min(sizeA, sizeB);
  const [stepI, stepJ] = [n / common, m / common];
  const left = new Float64Array(n + 1).fill(1);
  for (let j = 0; j <= n && j * stepJ < steps; j++) left[j] = 0;
  for (let i = 1; i <= m; i++) {
    const centre = i * stepI;
    const low = Math.max(0, Math.floor((centre - steps) / stepJ) + 1);
    const high = Math.min(n, Math.ceil((centre + steps) / stepJ) - 1);
    if (high < low) return 1;
    // Below the band every path is outside; above it `left` still holds its first 1.
    let below = low > 0 ? 1 : 0;
    for (let j = low; j <= high; j++) {
      below = ((left[j] as number) * i + below * j) / (i + j);
      left[j] = below;
    }
  }
  return left[n] as number;
}

/** Largest |i·n2 − j·n1| over all values, in whole numbers: ties between the samples are passed together. */
function largestGap(x: readonly number[], y: readonly number[]): number {
  let [i, j, gap] = [0, 0, 0];
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i] as number, y[j] as number);
    while (i < x.length && x[i] === value) i += 1;
    while (j < y.length && y[j] === value) j += 1;
    gap = Math.max(gap, Math.abs(i * y.length - j * x.length));
  }
  return gap;
}

/**
 * Earth mover's distance of two samples, in the values' unit: ∫ |F − G|. @throws RangeError when a sample is empty or holds NaN.
 */
export function wasserstein(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [sorted(a), sorted(b)];
  let [i, j, area] = [0, 0, 0];
  let previous = Math.min(x[0] as number, y[0] as number);
  while (i < x.length || j < y.length) {
    const value = Math.min(x[i] ?? Infinity, y[j] ?? Infinity);
    area += Math.abs(i / x.length - j / y.length) * (value - previous);
    previous = value;
    while (i < x.length && x[i] === value) i += 1;
    while (j < y.length && y[j] === value) j += 1;
  }
  return area;
}

function sorted(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError('two samples: a sample is empty');
  if (values.some((value) => Number.isNaN(value))) throw new RangeError('two samples: a value is not a number');
  return [...values].sort((a, b) => a - b);
}

function greatestDivisor(a: number, b: number): number {
  let [high, low] = [a, b];
  while (low > 0) [high, low] = [low, high % low];
  return high;
}

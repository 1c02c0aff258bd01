import { chiSquareQuantile } from './gamma-function';

/** Share that an empty bin counts as. */
export const EMPTY_BIN_SHARE = 1e-4;
/** Quantile bins that `freezeDriftBins` makes where the values allow it. */
export const DRIFT_BINS = 10;

/**
 * Bins frozen with a model: bin i holds values in (edges[i−1], edges[i]], the first and the last one are open. `shares` are those of
 * the training data and sum to 1; there is one more of them than edges.
 */
export interface DriftBins {
  edges: number[];
  shares: number[];
  /** Values they were made of. */
  n: number;
}

/**
 * Quantile bins of training data; equal values share a bin, so a feature of few values has few bins and a constant one has one.
 * @throws RangeError without values or on one that is not finite. Source: statistics.md 8.
 */
export function freezeDriftBins(values: ArrayLike<number>, bins: number = DRIFT_BINS): DriftBins {
  const sorted = Array.from(values).sort((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) throw new RangeError('drift bins: no values');
  if (sorted.some((value) => !Number.isFinite(value))) throw new RangeError('drift bins: a value is not finite');
  const largest = sorted[n - 1] as number;
  const edges: number[] = [];
  for (let k = 1; k < bins; k++) {
    const edge = sorted[Math.ceil((k * n) / bins) - 1] ?? largest;
    if (edge < largest && edge !== edges[edges.length - 1]) edges.push(edge);
  }
  const shares = driftCounts(edges, sorted).map((count) => count / n);
  return { edges, shares, n };
}

/** How many values fall into each bin; values that are not finite are left out. */
export function driftCounts(edges: readonly number[], values: ArrayLike<number>): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    let [low, high] = [0, edges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= (edges[middle] as number)) high = middle;
      else low = middle + 1;
    }
    counts[low] = (counts[low] as number) + 1;
  }
  return counts;
}

/**
 * Population stability index Σ (q − p)·ln(q/p); an empty bin counts as 1e-4.
 * @throws RangeError on different lengths
 */
export function populationStability(expected: readonly number[], actual: readonly number[]): number {
  if (expected.length !== actual.length) throw new RangeError('PSI: the shares have different bins');
  let sum = 0;
  for (let i = 0; i < expected.length; i++) {
    const p = Math.max(expected[i] as number, EMPTY_BIN_SHARE);
    const q = Math.max(actual[i] as number, EMPTY_BIN_SHARE);
    sum += (q - p) * Math.log(q / p);
  }
  return sum;
}

/**
 * PSI that two samples of the same law stay below with probability `level`: (1/n + 1/m)·χ²_{bins−1}. 0 for a single bin.
 * Source: statistics.md 8.
 */
export function stabilityNullQuantile(bins: number, n: number, m: number, level: number): number {
  return bins < 2 ? 0 : (1 / n + 1 / m) * chiSquareQuantile(level, bins - 1);
}

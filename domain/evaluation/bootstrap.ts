/** Uniform numbers in [0, 1). */
export type Rng = () => number;

/** How to resample. */
export interface BootstrapOptions {
  rng: Rng;
  resamples: number;
  /** Coverage, e.g. 0.95. */
  level: number;
}

/** Percentile interval and the mean over resamples. */
export interface Interval {
  lower: number;
  upper: number;
  mean: number;
}

/** Per-row terms of an estimator: value = Σmean/n + Σnormalised/Σweight. */
export interface ResampledColumns {
  mean: Float64Array;
  normalised: Float64Array | null;
  weight: Float64Array;
}

/**
 * Percentile bootstrap over rows (Efron). A resample whose weights are all 0 has no self-normalised part.
 * @throws RangeError when resamples < 2 or level is not in (0, 1)
 */
export function bootstrapInterval(columns: ResampledColumns, { rng, resamples, level }: BootstrapOptions): Interval {
  if (!(resamples >= 2) || !(level > 0 && level < 1)) throw new RangeError('bootstrap: resamples >= 2, 0 < level < 1');
  const n = columns.mean.length;
  const values = new Float64Array(resamples);
  let total = 0;
  for (let b = 0; b < resamples; b++) {
    let mean = 0;
    let normalised = 0;
    let weight = 0;
    for (let draw = 0; draw < n; draw++) {
      // Truncates as Math.floor does below 2^31 rows, without a call per draw: ten million of them per interval.
      const row = (rng() * n) | 0;
      mean += columns.mean[row]!;
      weight += columns.weight[row]!;
      if (columns.normalised) normalised += columns.normalised[row]!;
    }
    values[b] = mean / n + (weight > 0 ? normalised / weight : 0);
    total += values[b]!;
  }
  values.sort();
  const tail = (1 - level) / 2;
  return { lower: quantile(values, tail), upper: quantile(values, 1 - tail), mean: total / resamples };
}

/** Linear interpolation between order statistics of a sorted array, as numpy.percentile does. */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}

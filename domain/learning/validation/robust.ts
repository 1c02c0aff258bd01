/** Median of a list; NaN when it is empty. The list is sorted in place. */
export function medianOf(values: Float64Array): number {
  values.sort();
  const middle = values.length >> 1;
  return values.length % 2 === 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/** MAD of a normal law times this is its standard deviation. */
const MAD_TO_DEVIATION = 1.4826;

/** Median and a standard deviation that a minority of wild values cannot move (median absolute deviation). */
export function robustSpread(values: readonly number[]): { centre: number; deviation: number } {
  const centre = medianOf(Float64Array.from(values));
  return { centre, deviation: MAD_TO_DEVIATION * medianOf(Float64Array.from(values, (v) => Math.abs(v - centre))) };
}

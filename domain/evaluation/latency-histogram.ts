/** Bins per doubling: neighbours differ by 4.4 %, well below the 20 % that a latency limit allows. */
const BINS_PER_DOUBLING = 16;
/** The last bin holds everything from 67 s on. */
const LAST_BIN = 26 * BINS_PER_DOUBLING;

/** Counts by bin, bins ascending, none twice; bin b holds latencies in [2^(b/16), 2^((b+1)/16)) µs, bin 0 also those below 1 µs. */
export type LatencyHistogram = readonly (readonly [bin: number, count: number])[];

/** Bin of a latency in µs. */
export const latencyBin = (us: number): number =>
  us > 1 ? Math.min(LAST_BIN, Math.floor(Math.log2(us) * BINS_PER_DOUBLING)) : 0;

/** Observations in a histogram. */
export const latencyCount = (histogram: LatencyHistogram): number => histogram.reduce((n, [, count]) => n + count, 0);

const lowerEdge = (bin: number): number => (bin === 0 ? 0 : 2 ** (bin / BINS_PER_DOUBLING));
const upperEdge = (bin: number): number => 2 ** ((bin + 1) / BINS_PER_DOUBLING);

/** Quantile in µs, linear within a bin; null without observations. @param share in [0, 1] */
export function latencyQuantile(histogram: LatencyHistogram, share: number): number | null {
  const total = latencyCount(histogram);
  if (!(total > 0)) return null;
  const rank = Math.min(1, Math.max(0, share)) * total;
  let below = 0;
  let last = 0;
  for (const [bin, count] of histogram) {
    if (count === 0) continue;
    if (below + count >= rank) return lowerEdge(bin) + ((rank - below) / count) * (upperEdge(bin) - lowerEdge(bin));
    below += count;
    last = upperEdge(bin);
  }
  return last;
}

/** Share of observations above `us`, linear within a bin; null without observations. */
export function latencyShareAbove(histogram: LatencyHistogram, us: number): number | null {
  const total = latencyCount(histogram);
  if (!(total > 0)) return null;
  let above = 0;
  for (const [bin, count] of histogram) {
    const low = lowerEdge(bin);
    const high = upperEdge(bin);
    above += count * Math.min(1, Math.max(0, (high - us) / (high - low)));
  }
  return above / total;
}

/** Sum of histograms. */
export function mergeLatency(histograms: Iterable<LatencyHistogram>): LatencyHistogram {
  const counts = new Map<number, number>();
  for (const histogram of histograms)
    for (const [bin, count] of histogram) counts.set(bin, (counts.get(bin) ?? 0) + count);
  return [...counts].sort(([a], [b]) => a - b);
}

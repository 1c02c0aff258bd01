/** What a segment of traffic cost and brought over the last hours whose labels are mature; nanos. */
export interface SegmentReturns {
  impressions: number;
  clicks: number;
  valueNanos: number;
  spendNanos: number;
}

const MIN_IMPRESSIONS = 200;
const MIN_CLICKS = 20;
/** Two-sided 95 % of a Poisson count's logarithm. */
const Z = 1.96;

/**
 * Why Bid should be conservative on a segment, or null: it pays more than it gets there, and chance does not explain it. The upper
 * bound of value per spend is roi·exp(z/√clicks), the log-normal interval of a Poisson count.
 */
export function conservativeReason(segment: SegmentReturns): string | null {
  const { impressions, clicks, valueNanos, spendNanos } = segment;
  if (impressions < MIN_IMPRESSIONS || clicks < MIN_CLICKS || !(spendNanos > 0)) return null;
  const roi = valueNanos / spendNanos;
  const upper = roi * Math.exp(Z / Math.sqrt(clicks));
  if (upper >= 1) return null;
  return `value per spend ${roi.toFixed(2)}, at most ${upper.toFixed(2)}, over ${impressions} impressions`;
}

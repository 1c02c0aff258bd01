import { isDisclosed } from '../win-likelihood';
import { lnPrice } from '../win-row';
import type { WindowBid } from './window-bid';

/** Bins of a feature's values, by quantiles. */
const BINS = 16;
const QUANTILE_ROWS = 8192;
/** Fewer rows than this say nothing about a single feature. */
const MIN_ROWS = 100;

/** How much one feature alone tells about the labels, each 0..1. */
export interface FeatureKnowledge {
  feature: number;
  /** Share of the entropy of `won` that the feature's bins explain. */
  ofWin: number;
  /** Share of the variance of the disclosed ln price that the bins explain (eta squared). */
  ofPrice: number;
}

/** What each feature alone tells about the labels; empty when there are too few rows to say. */
export function featureKnowledge(rows: readonly WindowBid[], features: number): FeatureKnowledge[] {
  if (rows.length < MIN_ROWS) return [];
  const disclosed = rows.filter(isDisclosed);
  return Array.from({ length: features }, (_, feature) => {
    return {
      feature,
      ofWin: explainedEntropy(rows, binner(rows, feature)),
      ofPrice: disclosed.length < MIN_ROWS ? 0 : explainedVariance(disclosed, binner(disclosed, feature)),
    };
  });
}

/** Bin of a row by the feature's quantiles; equal values share a bin. */
function binner(rows: readonly WindowBid[], feature: number): (row: WindowBid) => number {
  const stride = Math.max(1, Math.ceil(rows.length / QUANTILE_ROWS));
  const values = Float64Array.from(
    { length: Math.ceil(rows.length / stride) },
    (_, n) => rows[n * stride].features[feature],
  ).sort();
  const cuts: number[] = [];
  for (let bin = 1; bin < BINS; bin++) {
    const cut = values[Math.floor((bin * values.length) / BINS)];
    if (cut > values[0] && cut !== cuts.at(-1)) cuts.push(cut);
  }
  // A rare second value lies beyond every quantile, but a label may hide in it.
  if (cuts.length === 0 && values[values.length - 1] > values[0]) cuts.push(values[values.length - 1]);
  return (row) => {
    const value = row.features[feature];
    let bin = 0;
    while (bin < cuts.length && value >= cuts[bin]) bin++;
    return bin;
  };
}

const entropy = (share: number): number =>
  share <= 0 || share >= 1 ? 0 : -share * Math.log(share) - (1 - share) * Math.log(1 - share);

function explainedEntropy(rows: readonly WindowBid[], binOf: (row: WindowBid) => number): number {
  const n = new Float64Array(BINS);
  const wins = new Float64Array(BINS);
  for (const row of rows) {
    const bin = binOf(row);
    n[bin] += 1;
    if (row.won) wins[bin] += 1;
  }
  const total = entropy(wins.reduce((sum, count) => sum + count, 0) / rows.length);
  if (total === 0) return 0;
  const left = n.reduce(
    (sum, count, bin) => sum + (count === 0 ? 0 : (count / rows.length) * entropy(wins[bin] / count)),
    0,
  );
  return 1 - left / total;
}

function explainedVariance(rows: readonly WindowBid[], binOf: (row: WindowBid) => number): number {
  const n = new Float64Array(BINS);
  const sums = new Float64Array(BINS);
  let mean = 0;
  for (const row of rows) mean += lnPrice(row.minToWinMicros!) / rows.length;
  let total = 0;
  for (const row of rows) {
    const value = lnPrice(row.minToWinMicros!) - mean;
    const bin = binOf(row);
    n[bin] += 1;
    sums[bin] += value;
    total += value * value;
  }
  if (total === 0) return 0;
  return sums.reduce((between, sum, bin) => between + (n[bin] === 0 ? 0 : (sum * sum) / n[bin]), 0) / total;
}

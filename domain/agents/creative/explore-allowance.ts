import type { CreativeCounts } from './smoothed-rate';

/** A variant seen this seldom is worth the whole allowance. */
const UNSEEN_IMPRESSIONS = 500;
/** Tastes change: this share of the allowance stays however sure the counts are. */
const LEAST_SHARE = 0.1;

/**
 * Share of the campaign's exploration allowance worth using on creatives: the chance that the best variant by clicks is not really
 * ahead of the runner-up (two-sided, normal approximation of two proportions with one pseudo-click), between LEAST_SHARE and 1.
 * 0 with fewer than two variants.
 * @param pValueOf two-sided p-value of a z statistic.
 */
export function exploreShare(variants: readonly CreativeCounts[], pValueOf: (z: number) => number): number {
  if (variants.length < 2) return 0;
  if (variants.some(({ impressions }) => impressions < UNSEEN_IMPRESSIONS)) return 1;
  const rates = variants
    .map(({ impressions, clicks }) => {
      const rate = (clicks + 1) / (impressions + 2);
      return { rate, variance: (rate * (1 - rate)) / impressions };
    })
    .sort((a, b) => b.rate - a.rate);
  const [best, second] = rates as [(typeof rates)[number], (typeof rates)[number]];
  const z = (best.rate - second.rate) / Math.sqrt(best.variance + second.variance);
  return Math.max(LEAST_SHARE, Math.min(1, pValueOf(z)));
}

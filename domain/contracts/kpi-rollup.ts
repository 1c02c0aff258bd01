import type { Arm } from './agent';

/**
 * Sufficient statistics per cell × rollout stage × arm × time bucket × user-hash bucket. Plain sums: mergeable.
 * The time bucket is that of the decision, also for outcomes that arrive later. `userBucket` -1 = no usable id.
 */
export interface KpiKey {
  cell: string;
  rolloutId: string;
  stage: number;
  arm: Arm;
  /** Start of the time bucket, epoch ms, a multiple of the bucket's length. */
  bucketMs: number;
  userBucket: number;
}

export const KPI_SUMS = [
  'requests',
  'eligible',
  'bids',
  'wins',
  'impressions',
  'clicks',
  'conversions',
  'valueNanos',
  'spendNanos',
  'fallbacks',
  'errors',
  'late',
  'repeats',
] as const;
/** `repeats`: impressions beyond the third in 24 h of one user and creative. */
export type KpiSum = (typeof KPI_SUMS)[number];
export type KpiSums = Record<KpiSum, number>;
export type KpiRollup = KpiKey & KpiSums;

export const zeroKpiSums = (): KpiSums => Object.fromEntries(KPI_SUMS.map((name) => [name, 0])) as KpiSums;

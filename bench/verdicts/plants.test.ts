import type { KpiRollup } from '#domain/contracts';
import { estimateRatioOf } from '#domain/evaluation';
import { seededNormal, seededPoisson, seededRandom } from '#domain/evaluation/seeded-random';
import { noSums, type BucketSums, type StageSums } from '#domain/rollout';
import { foldWith, type Plant } from './plants';

const BUCKET_MS = 1000;
const row = (changes: Partial<KpiRollup>): KpiRollup => ({
  ...{ cell: 'c', rolloutId: 'r', stage: 0, arm: 'canary', bucketMs: 0, userBucket: 0 },
  ...noSums(),
  ...changes,
});
const unitsOf = (buckets: readonly BucketSums[]) =>
  buckets.map(({ clicks, requests }) => ({ numerator: clicks, denominator: requests }));

/** One arm over 24 time buckets: users of a bucket keep their click rate. */
function rows(seed: number): KpiRollup[] {
  const rng = seededRandom(seed);
  const [normal, poisson] = [seededNormal(rng), seededPoisson(rng)];
  const rates = Array.from({ length: 40 }, () => Math.max(0.01, 0.1 + 0.03 * normal()));
  return Array.from({ length: 24 }, (_, time) =>
    rates.map((rate, userBucket) =>
      row({ userBucket, bucketMs: time * BUCKET_MS, requests: 100, clicks: poisson(100 * rate) }),
    ),
  ).flat();
}

function standardErrorOverTruth(plant: Plant | null): number {
  const estimates = Array.from({ length: 200 }, (_, seed) => {
    const [stage] = foldWith(plant)(rows(seed + 1), 24 * BUCKET_MS, BUCKET_MS);
    return estimateRatioOf(unitsOf(stage!.canary))!;
  });
  const mean = estimates.reduce((sum, { ratio }) => sum + ratio, 0) / estimates.length;
  const truth = estimates.reduce((sum, { ratio }) => sum + (ratio - mean) ** 2, 0) / (estimates.length - 1);
  const claimed = estimates.reduce((sum, { variance }) => sum + variance, 0) / estimates.length;
  return Math.sqrt(claimed / truth);
}

describe('planted mistakes', () => {
  it('user buckets over the whole stage know their error; time buckets as units claim far less', () => {
    expect(standardErrorOverTruth(null)).toBeGreaterThan(0.85);
    expect(standardErrorOverTruth(null)).toBeLessThan(1.15);
    expect(standardErrorOverTruth('per-bucket-variance')).toBeLessThan(0.5);
  });

  it('pooled stages make a model that is 10 % worse look better when the base rate rises', () => {
    const stage = (index: number, base: number, share: number) =>
      ['canary', 'champion'].map((name) => {
        const arm = name as KpiRollup['arm'];
        const requests = 100_000 * (arm === 'canary' ? share : 1 - share);
        return row({ stage: index, arm, requests, clicks: requests * base * (arm === 'canary' ? 0.9 : 1) });
      });
    const all = [...stage(0, 0.07, 0.01), ...stage(1, 0.1, 0.95)];
    const effect = ({ canary, control }: StageSums) => {
      const rate = ([bucket]: BucketSums[]) => bucket!.clicks / bucket!.requests;
      return rate(canary) / rate(control) - 1;
    };
    const proper = foldWith(null)(all, BUCKET_MS, BUCKET_MS);
    expect(proper.map(effect).map((value) => value.toFixed(3))).toEqual(['-0.100', '-0.100']);
    expect(effect(foldWith('pooled-stages')(all, BUCKET_MS, BUCKET_MS)[0]!)).toBeGreaterThan(0.2);
  });
});

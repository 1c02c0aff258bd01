import type { KpiRollup } from '#domain/contracts';
import { addSums, foldStages, noSums, type BucketSums, type StageSums } from '#domain/rollout';

/** Known mistakes that the bench must notice. */
export const PLANTS = ['per-bucket-variance', 'pooled-stages'] as const;
export type Plant = (typeof PLANTS)[number];

/** How rows become the stages that are judged. */
export type Fold = (rows: readonly KpiRollup[], matureUntilMs: number, bucketMs: number) => StageSums[];

/** The production fold, or a wrong one. */
export function foldWith(plant: Plant | null): Fold {
  switch (plant) {
    case null:
      return foldStages;
    case 'per-bucket-variance':
      return timeBucketsAsUnits;
    case 'pooled-stages':
      return pooled;
  }
}

/** Whether rows must stay apart by time for this fold. */
export const needsTimeBuckets = (plant: Plant | null): boolean => plant === 'per-bucket-variance';

/** Every time bucket of every user bucket a unit of its own: a user's visits count as if they were independent. */
function timeBucketsAsUnits(rows: readonly KpiRollup[], matureUntilMs: number, bucketMs: number): StageSums[] {
  const stages = new Map<number, StageSums>();
  for (const row of rows) {
    if (row.bucketMs + bucketMs > matureUntilMs) continue;
    const stage = stages.get(row.stage) ?? { stage: row.stage, canary: [], control: [] };
    stages.set(row.stage, stage);
    (row.arm === 'canary' ? stage.canary : stage.control).push(row);
  }
  return [...stages.values()].sort((a, b) => a.stage - b.stage);
}

/** The arms of all stages added up as if they were one: what Simpson's paradox needs. */
function pooled(rows: readonly KpiRollup[], matureUntilMs: number, bucketMs: number): StageSums[] {
  const stages = foldStages(rows, matureUntilMs, bucketMs);
  const last = stages.at(-1);
  if (!last) return [];
  const added = (arm: 'canary' | 'control'): BucketSums[] => {
    const sums = new Map<number, BucketSums>();
    for (const bucket of stages.flatMap((stage) => stage[arm])) {
      const sum = sums.get(bucket.userBucket) ?? { ...noSums(), userBucket: bucket.userBucket };
      sums.set(bucket.userBucket, sum);
      addSums(sum, bucket);
    }
    return [...sums.values()];
  };
  return [{ stage: last.stage, canary: added('canary'), control: added('control') }];
}

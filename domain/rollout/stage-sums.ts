import type { Arm, KpiRollup, KpiSum, KpiSums } from '../contracts';

/** KPI sums of one user-hash bucket; bucket −1 holds requests without a usable id. */
export type BucketSums = KpiSums & { userBucket: number };

/** Bucket sums of both arms over one canary stage so far. */
export interface StageSums {
  stage: number;
  canary: BucketSums[];
  control: BucketSums[];
}

/** Totals of both arms. */
export interface ArmSums {
  canary: KpiSums;
  control: KpiSums;
}

/** All sums zero. */
export const noSums = (): KpiSums => ({
  requests: 0,
  eligible: 0,
  bids: 0,
  wins: 0,
  impressions: 0,
  clicks: 0,
  conversions: 0,
  valueNanos: 0,
  spendNanos: 0,
  fallbacks: 0,
  errors: 0,
  late: 0,
  repeats: 0,
});

const SUM_NAMES = Object.keys(noSums()) as KpiSum[];

/** Adds `from` to `into` in place. */
export function addSums(into: KpiSums, from: KpiSums): void {
  // Written out: this runs for every bucket of every look, and a loop over names is ten times slower.
  into.requests += from.requests;
  into.eligible += from.eligible;
  into.bids += from.bids;
  into.wins += from.wins;
  into.impressions += from.impressions;
  into.clicks += from.clicks;
  into.conversions += from.conversions;
  into.valueNanos += from.valueNanos;
  into.spendNanos += from.spendNanos;
  into.fallbacks += from.fallbacks;
  into.errors += from.errors;
  into.late += from.late;
  into.repeats += from.repeats;
}

/** First sum that is not a finite number >= 0, or null. A sum that did not exist when the row was stored is no fault. */
export function faultySum(sums: KpiSums): KpiSum | null {
  // Written out as `addSums` is: a sum of numbers >= 0 is finite only if each of them is.
  const { requests, eligible, bids, wins, impressions, clicks, conversions, valueNanos, spendNanos } = sums;
  const { fallbacks, errors, late, repeats } = sums;
  const counted = requests + eligible + bids + wins + impressions + clicks + conversions + valueNanos + spendNanos;
  const isPlain =
    requests >= 0 && eligible >= 0 && bids >= 0 && wins >= 0 && impressions >= 0 && clicks >= 0 && conversions >= 0;
  const isRest = valueNanos >= 0 && spendNanos >= 0 && fallbacks >= 0 && errors >= 0 && late >= 0 && repeats >= 0;
  if (isPlain && isRest && counted + fallbacks + errors + late + repeats < Infinity) return null;
  const isSum = (value: number | undefined) => value === undefined || (Number.isFinite(value) && value >= 0);
  return SUM_NAMES.find((name) => !isSum(sums[name])) ?? null;
}

/** Stages whose buckets were stored before a sum existed get it as 0, so that old looks can be judged again. */
export function withEverySum(stages: readonly StageSums[]): readonly StageSums[] {
  const isComplete = (bucket: BucketSums | undefined) => bucket === undefined || 'repeats' in bucket;
  if (stages.every(({ canary, control }) => isComplete(canary[0]) && isComplete(control[0]))) return stages;
  const filled = (buckets: BucketSums[]) => buckets.map((bucket) => ({ ...noSums(), ...bucket }));
  return stages.map(({ stage, canary, control }) => ({ stage, canary: filled(canary), control: filled(control) }));
}

/** Total over buckets. */
export function totalSums(buckets: readonly KpiSums[]): KpiSums {
  const total = noSums();
  for (const bucket of buckets) addSums(total, bucket);
  return total;
}

/**
 * Folds rollups of one rollout into bucket sums per stage, ascending. Only time buckets that ended by `matureUntilMs`
 * count, the same cut-off for both arms. Rows may already be merged over time buckets.
 * @param bucketMsLength length of a time bucket, ms
 */
export function foldStages(rows: readonly KpiRollup[], matureUntilMs: number, bucketMsLength: number): StageSums[] {
  const stages = new Map<number, Record<Arm, Map<number, BucketSums>>>();
  for (const row of rows) {
    if (row.bucketMs + bucketMsLength > matureUntilMs) continue;
    const stage = stages.get(row.stage) ?? { champion: new Map(), canary: new Map() };
    stages.set(row.stage, stage);
    const bucket = stage[row.arm].get(row.userBucket) ?? { ...noSums(), userBucket: row.userBucket };
    stage[row.arm].set(row.userBucket, bucket);
    addSums(bucket, row);
  }
  return [...stages.entries()]
    .sort(([a], [b]) => a - b)
    .map(([stage, arms]) => ({ stage, canary: [...arms.canary.values()], control: [...arms.champion.values()] }));
}

/** Start of the trailing window that `trailingSums` adds up, epoch ms; null without rows of the stage. */
export function trailingStartMs(rows: readonly KpiRollup[], stage: number, minDecisions: number): number | null {
  return trailing(rows, stage, minDecisions).startMs;
}

/**
 * Sums of the shortest trailing window of a stage in which both arms have `minDecisions` requests, or of the whole stage:
 * what the catastrophe lane looks at, so that a fault which starts late is not diluted by the quiet hours before it.
 * Labels need not be mature: system metrics have none.
 */
export function trailingSums(rows: readonly KpiRollup[], stage: number, minDecisions: number): ArmSums {
  return trailing(rows, stage, minDecisions).sums;
}

function trailing(
  rows: readonly KpiRollup[],
  stage: number,
  minDecisions: number,
): { sums: ArmSums; startMs: number | null } {
  const sums: ArmSums = { canary: noSums(), control: noSums() };
  const inStage = rows.filter((row) => row.stage === stage).sort((a, b) => b.bucketMs - a.bucketMs);
  let at = Infinity;
  for (const row of inStage) {
    const enough = Math.min(sums.canary.requests, sums.control.requests) >= minDecisions;
    if (row.bucketMs < at && enough) break;
    at = row.bucketMs;
    addSums(row.arm === 'canary' ? sums.canary : sums.control, row);
  }
  return { sums, startMs: at === Infinity ? null : at };
}

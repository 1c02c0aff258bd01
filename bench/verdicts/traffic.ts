import type { Arm, KpiRollup } from '#domain/contracts';
import { USER_BUCKETS } from '#domain/coordination/assignment';
import { latencyBin, type LatencyHistogram } from '#domain/evaluation/latency-histogram';
import type { Poisson } from '#domain/evaluation/seeded-random';
import { noSums, type BucketSums } from '#domain/rollout';
import type { ArmUsers, Slot, UserWorld } from './population';

/** A time bucket, and the time from look to look. */
export const BUCKET_HOURS = 2;
export const BUCKET_MS = BUCKET_HOURS * 3_600_000;
/** A click pays this; an impression costs what keeps the return on spend at 1.6. */
export const CLICK_VALUE_NANOS = 100_000_000;
const RETURN_ON_SPEND = 1.6;
/** Share of clicks that reach the sums 0, 1 and 2 time buckets after their decision's; labels count as mature after one. */
export const LABEL_DELAYS = [0.7, 0.25, 0.05] as const;
/** Decisions that fall back, fail or are late, in either arm. */
const SYSTEM_SHARES = { fallbacks: 0.005, errors: 0.001, late: 0.003 } as const;
/** Decision latency: median µs and sigma of a log-normal. */
const LATENCY = { medianUs: 300, sigma: 0.6 } as const;

/** Traffic over the day, mean 1: both arms alike. */
export const dayFactor = (hour: number): number => 1 + 0.5 * Math.sin((2 * Math.PI * hour) / 24);

/** Mean price of an impression, nanos. */
export const priceNanosOf = (world: Pick<UserWorld, 'clickRate'>): number =>
  (world.clickRate * CLICK_VALUE_NANOS) / RETURN_ON_SPEND;

/** One time bucket of one arm as the lake would hold it: a row per user bucket, and clicks still to come by their delay. */
export interface ArmBucket {
  rows: KpiRollup[];
  /** late[d][bucket]: clicks that arrive d time buckets later. */
  late: Uint32Array[];
  latency: LatencyHistogram;
}

/** Draws the requests of a time bucket. A Poisson number of a bucket is the sum of its users' own: they differ and return. */
export function drawBucket(
  world: UserWorld,
  users: ArmUsers,
  place: { arm: Arm; stage: number; bucket: number; base: number; lift: number },
  poisson: Poisson,
): ArmBucket {
  const factor = BUCKET_HOURS * dayFactor(place.bucket * BUCKET_HOURS);
  const price = priceNanosOf(world);
  const late = LABEL_DELAYS.map(() => new Uint32Array(USER_BUCKETS));
  const rows: KpiRollup[] = [];
  let decisions = 0;
  for (let userBucket = 0; userBucket < USER_BUCKETS; userBucket++) {
    const requestMean = users.requests[userBucket]! * factor;
    const clickMean = users.clicks[userBucket]! * factor * place.base * (1 + place.lift);
    const impressionMean = requestMean * world.winRate;
    let clicks = 0;
    let now = 0;
    for (let delay = 0; delay < LABEL_DELAYS.length; delay++) {
      const count = poisson(clickMean * LABEL_DELAYS[delay]!);
      clicks += count;
      if (delay === 0) now = count;
      else late[delay]![userBucket] = count;
    }
    const impressions = clicks + poisson(Math.max(0, impressionMean - clickMean));
    const requests = impressions + poisson(requestMean - impressionMean);
    decisions += requests;
    rows.push({
      cell: 'bench',
      rolloutId: 'bench',
      stage: place.stage,
      arm: place.arm,
      bucketMs: place.bucket * BUCKET_MS,
      userBucket,
      requests,
      eligible: requests,
      bids: requests,
      wins: impressions,
      impressions,
      clicks: now,
      conversions: 0,
      valueNanos: now * CLICK_VALUE_NANOS,
      spendNanos: Math.round(impressions * price),
      fallbacks: 0,
      errors: 0,
      late: 0,
      repeats: 0,
    });
  }
  const first = rows[0]!;
  // Which user met a fault says nothing here: the lane reads totals of an arm.
  for (const [name, share] of Object.entries(SYSTEM_SHARES))
    first[name as keyof typeof SYSTEM_SHARES] = poisson(decisions * share);
  return { rows, late, latency: drawLatency(decisions, poisson) };
}

/** What each bucket's users of some slots did in the hours before the rollout. */
export function drawPast(world: Omit<UserWorld, 'users'>, slot: Slot, hours: number, poisson: Poisson): BucketSums[] {
  const price = priceNanosOf(world);
  return Array.from({ length: USER_BUCKETS }, (_, userBucket) => {
    const requests = slot.requests[userBucket]! * hours;
    const clickMean = slot.clicks[userBucket]! * hours;
    const clicks = poisson(clickMean);
    const impressions = clicks + poisson(Math.max(0, requests * world.winRate - clickMean));
    const sums: BucketSums = { ...noSums(), userBucket };
    sums.requests = sums.eligible = sums.bids = impressions + poisson(requests * (1 - world.winRate));
    sums.wins = sums.impressions = impressions;
    sums.clicks = clicks;
    sums.valueNanos = clicks * CLICK_VALUE_NANOS;
    sums.spendNanos = Math.round(impressions * price);
    return sums;
  });
}

/** Log-normal by the logistic approximation of its distribution: only the shape of a tail matters here. */
function drawLatency(decisions: number, poisson: Poisson): LatencyHistogram {
  const cdf = (us: number) => 1 / (1 + Math.exp((-1.702 * Math.log(us / LATENCY.medianUs)) / LATENCY.sigma));
  const bins: [number, number][] = [];
  for (let bin = latencyBin(20); bin < latencyBin(20_000); bin++) {
    const count = poisson(decisions * (cdf(2 ** ((bin + 1) / 16)) - cdf(2 ** (bin / 16))));
    if (count > 0) bins.push([bin, count]);
  }
  return bins;
}

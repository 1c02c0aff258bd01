import type { ExperimentPlan } from '../contracts';
import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { sampleMetric } from '../rollout/metric-test';
import { noSums, type BucketSums, type StageSums } from '../rollout/stage-sums';
import { readOut } from './readout';

/** Traffic and truth of two simulated arms of equal size. */
export interface ArmsWorld {
  looks: number;
  /** Primary events of the control between two looks. */
  eventsPerLook: number;
  /** True relative effect of the treatment. */
  effect: number;
  /** Spread of the buckets' rates around their mean: users who differ and come back at every look. */
  bucketSpread: number;
  /** User buckets per arm; 200 in production. */
  buckets: number;
}

/** Of how many experiments something was true at any look, or at the last one. */
export interface ReadoutCounts {
  everSignificant: number;
  /** The interval did not hold the true effect. */
  everMissed: number;
  /** Significant in the wrong direction. */
  everWrongSide: number;
  lastSignificant: number;
  lastWrongSide: number;
}

const REQUESTS_PER_EVENT = 50;
const VALUE_NANOS = 1_000_000;

/** Runs experiments under a known truth, monitored at every look, through the production read-out: for tests and benches. */
export function simulateReadouts(
  world: ArmsWorld,
  plan: Pick<ExperimentPlan, 'alpha' | 'effectOfInterest'>,
  runs: number,
  seed: number,
): ReadoutCounts {
  const normal = seededNormal(seededRandom(seed));
  const counts = { everSignificant: 0, everMissed: 0, everWrongSide: 0, lastSignificant: 0, lastWrongSide: 0 };
  for (let run = 0; run < runs; run++) {
    const seen = simulateOne(world, plan, normal);
    for (const name of Object.keys(counts) as (keyof ReadoutCounts)[]) counts[name] += Number(seen[name]);
  }
  return counts;
}

function simulateOne(
  world: ArmsWorld,
  plan: Pick<ExperimentPlan, 'alpha' | 'effectOfInterest'>,
  normal: () => number,
): Record<keyof ReadoutCounts, boolean> {
  const perBucket = world.eventsPerLook / world.buckets;
  const arm = () =>
    Array.from({ length: world.buckets }, (_, userBucket) => ({
      rate: perBucket * Math.max(0, 1 + world.bucketSpread * normal()),
      sums: { ...noSums(), userBucket } as BucketSums,
    }));
  const arms = { canary: arm(), control: arm() };
  const stage: StageSums = {
    stage: 0,
    canary: arms.canary.map(({ sums }) => sums),
    control: arms.control.map(({ sums }) => sums),
  };
  const seen = {
    everSignificant: false,
    everMissed: false,
    everWrongSide: false,
    lastSignificant: false,
    lastWrongSide: false,
  };
  for (let look = 1; look <= world.looks; look++) {
    for (const name of ['canary', 'control'] as const)
      for (const { rate, sums } of arms[name]) {
        const mean = rate * (name === 'canary' ? 1 + world.effect : 1);
        const clicks = Math.max(0, mean + Math.sqrt(mean) * normal());
        sums.requests += perBucket * REQUESTS_PER_EVENT;
        sums.eligible += perBucket * REQUESTS_PER_EVENT;
        sums.clicks += clicks;
        sums.valueNanos += clicks * VALUE_NANOS;
      }
    const readout = readOut(sampleMetric('value', { stages: [stage] }), plan);
    if (!readout) continue;
    const { lower, upper } = readout.relative;
    const isHigher = lower !== null && lower > 0;
    const isLower = upper !== null && upper < 0;
    seen.lastSignificant = isHigher || isLower;
    seen.lastWrongSide = world.effect > 0 ? isLower : world.effect < 0 ? isHigher : false;
    seen.everSignificant ||= seen.lastSignificant;
    seen.everWrongSide ||= seen.lastWrongSide;
    seen.everMissed ||= (lower !== null && lower > world.effect) || (upper !== null && upper < world.effect);
  }
  return seen;
}

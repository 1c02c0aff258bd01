import { normalQuantile } from '../evaluation/normal-distribution';
import { seededRandom } from '../evaluation/seeded-random';
import {
  simulateArm,
  SIMULATION_BUCKETS,
  zeroSums,
  type ArmRun,
  type ArmSums,
  type MarketArm,
} from './simulate-market';
import type { SimulationOptions } from './simulate-market';
import type { Scenario } from './scenario';

/** Champion and candidate on the same auctions. */
export interface MarketReport {
  seeds: number[];
  auctions: number;
  regime: string;
  champion: ArmSums;
  candidate: ArmSums;
  /** Expected value per eligible request, candidate over champion minus 1, with its bootstrap interval over users. */
  effect: number;
  low: number;
  high: number;
  confidence: number;
}

const RESAMPLES = 500;
const CONFIDENCE = 0.95;

/**
 * Plays both arms on the same seeded markets and reports the relative effect on value. Users are the unit: their buckets are
 * resampled, both arms together.
 */
export async function compareArms(
  scenario: Scenario,
  arms: { champion: MarketArm; candidate: MarketArm },
  seeds: readonly number[],
  options: SimulationOptions,
): Promise<MarketReport> {
  const runs: { champion: ArmRun; candidate: ArmRun }[] = [];
  for (const [n, seed] of seeds.entries()) {
    const done = (part: number) => (count: number) =>
      options.onProgress?.((2 * n + part) * options.auctions + count) ?? Promise.resolve();
    runs.push({
      champion: await simulateArm(scenario, arms.champion, seed, { ...options, onProgress: done(0) }),
      candidate: await simulateArm(scenario, arms.candidate, seed, { ...options, onProgress: done(1) }),
    });
  }
  const effects = bootstrapEffects(runs, seeds[0] ?? 0);
  const tail = (1 - CONFIDENCE) / 2;
  const at = (p: number) => effects[Math.min(effects.length - 1, Math.max(0, Math.floor(p * effects.length)))];
  return {
    seeds: [...seeds],
    auctions: options.auctions,
    regime: options.regime ?? 'stationary',
    champion: total(runs.map((run) => run.champion.sums)),
    candidate: total(runs.map((run) => run.candidate.sums)),
    effect: relativeEffect(runs, null),
    low: at(tail),
    high: at(1 - tail),
    confidence: CONFIDENCE,
  };
}

function total(parts: readonly ArmSums[]): ArmSums {
  const sums = zeroSums();
  for (const part of parts) for (const name of Object.keys(sums) as (keyof ArmSums)[]) sums[name] += part[name];
  return sums;
}

/** Effect with user buckets weighted; null weighs all alike. */
function relativeEffect(runs: readonly { champion: ArmRun; candidate: ArmRun }[], weights: Uint16Array | null): number {
  const value = { champion: [0, 0], candidate: [0, 0] };
  runs.forEach((run, n) => {
    for (let bucket = 0; bucket < SIMULATION_BUCKETS; bucket++) {
      const weight = weights ? weights[n * SIMULATION_BUCKETS + bucket] : 1;
      for (const arm of ['champion', 'candidate'] as const) {
        value[arm][0] += weight * run[arm].buckets[2 * bucket];
        value[arm][1] += weight * run[arm].buckets[2 * bucket + 1];
      }
    }
  });
  const perRequest = ([eligible, sum]: number[]) => (eligible > 0 ? sum / eligible : 0);
  const control = perRequest(value.champion);
  if (control > 0) return perRequest(value.candidate) / control - 1;
  return perRequest(value.candidate) > 0 ? Infinity : 0;
}

function bootstrapEffects(runs: readonly { champion: ArmRun; candidate: ArmRun }[], seed: number): number[] {
  const rng = seededRandom(seed + 17);
  const size = runs.length * SIMULATION_BUCKETS;
  const effects = Array.from({ length: RESAMPLES }, () => {
    const weights = new Uint16Array(size);
    for (let draw = 0; draw < size; draw++) weights[Math.floor(rng() * size)]++;
    return relativeEffect(runs, weights);
  });
  return effects.sort((a, b) => a - b);
}

/** Half-width in standard errors of the report's interval; for readers who want a standard error back. */
export const standardErrorOf = (report: MarketReport): number =>
  (report.high - report.low) / (2 * normalQuantile(1 - (1 - report.confidence) / 2));

import { performance } from 'node:perf_hooks';
import { simulateArm, type MarketArm, type Scenario } from '#domain/market';
import { spreadOf, type Spread } from '../statistic';

/** Speed of the market in process, one core. */
export interface SimulatorReport {
  auctions: number;
  runs: number;
  /** Baselines only, and with the shipped win model in double precision. */
  heuristicPerSecond: Spread;
  modelPerSecond: Spread;
}

/** Plays the same seeded market `runs` times with either policy, in turn. */
export async function measureSimulator(
  scenario: Scenario,
  shipped: MarketArm,
  seed: number,
  runs: number,
  auctions: number,
): Promise<SimulatorReport> {
  const heuristic: number[] = [];
  const model: number[] = [];
  const play = async (arm: MarketArm): Promise<number> => {
    const startedAt = performance.now();
    await simulateArm(scenario, arm, seed, { auctions });
    return (auctions * 1000) / (performance.now() - startedAt);
  };
  for (let run = 0; run < runs; run++) {
    heuristic.push(await play({ ...shipped, infer: null }));
    model.push(await play(shipped));
  }
  return { auctions, runs, heuristicPerSecond: spreadOf(heuristic), modelPerSecond: spreadOf(model) };
}

import { performance } from 'node:perf_hooks';
import type { PolicySnapshot } from '#domain/contracts';
import { trainWinModel } from '#domain/learning';
import type { Scenario } from '#domain/market';
import { marketRows } from '../../scripts/ship/train-on-market';
import { spreadOf, type Spread } from '../statistic';

/** Speed of the win model's trainer: rows of gradient per second, all epochs counted. */
export interface LearningReport {
  windowRows: number;
  rowsPerRun: number;
  runs: number;
  rowsPerSecond: Spread;
}

const AUCTIONS = 20_000;

/** Trains on the log of one seeded market `runs` times; the same rows and seed, so only the speed may differ. */
export async function measureLearning(
  scenario: Scenario,
  snapshot: PolicySnapshot,
  seed: number,
  runs: number,
): Promise<LearningReport> {
  const rows = await marketRows(scenario, snapshot, seed, AUCTIONS, 'stationary');
  const rates: number[] = [];
  let rowsSeen = 0;
  for (let run = 0; run < runs; run++) {
    const startedAt = performance.now();
    await trainWinModel(rows, {}, seed, (progress) => {
      rowsSeen = progress.rowsSeen;
      return Promise.resolve();
    });
    rates.push((rowsSeen * 1000) / (performance.now() - startedAt));
  }
  return { windowRows: rows.length, rowsPerRun: rowsSeen, runs, rowsPerSecond: spreadOf(rates) };
}

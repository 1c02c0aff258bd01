import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicySnapshot } from '#domain/contracts';
import { compareArms, type MarketReport, type Scenario } from '#domain/market';
import type { WinModel } from '#domain/learning';
import { inferWith } from '../ship/train-on-market';

const SEEDS = [101, 102];
const AUCTIONS = 5000;

/** The true effect of a candidate on a market regime, from the simulator: same users, same rivals, true click probabilities. */
export async function trueEffect(
  root: string,
  scenario: Scenario,
  regime: string,
  champion: WinModel,
  candidate: WinModel,
): Promise<MarketReport> {
  const file = join(root, 'apps', 'bidder-edge', 'shipped', 'snapshot.json');
  const { payload } = JSON.parse(readFileSync(file, 'utf8')) as { payload: string };
  const snapshot = JSON.parse(payload) as PolicySnapshot;
  const arm = (model: WinModel) => ({ snapshot, infer: inferWith(model) });
  const arms = { champion: arm(champion), candidate: arm(candidate) };
  return compareArms(scenario, arms, SEEDS, { auctions: AUCTIONS, regime });
}

/** One line about a true effect. */
export function describeTruth(who: string, report: MarketReport): string {
  const percent = (share: number) => `${share >= 0 ? '+' : ''}${(100 * share).toFixed(1)} %`;
  const range = `[${percent(report.low)}, ${percent(report.high)}]`;
  return `truth of the simulator: the ${who} candidate changes value by ${percent(report.effect)} ${range}, regime ${report.regime}`;
}

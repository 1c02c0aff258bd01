import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import { predictLaw, newActivations, trainWinModel, type WinModel, type WinRow } from '#domain/learning/index';
import { simulateArm, type Scenario } from '#domain/market/index';
import type { Infer } from '#domain/coordination/index';

/** Logs of a baseline that explores, on `auctions` auctions of the market. */
export async function marketRows(
  scenario: Scenario,
  snapshot: PolicySnapshot,
  seed: number,
  auctions: number,
  regime: string,
): Promise<WinRow[]> {
  const rows: WinRow[] = [];
  await simulateArm(scenario, { snapshot, infer: null }, seed, { auctions, regime, onRow: (row) => rows.push(row) });
  return rows;
}

/** A win model trained on such logs. */
export async function trainOnMarket(rows: WinRow[], seed: number): Promise<WinModel> {
  return trainWinModel(rows, {}, seed, () => Promise.resolve());
}

/** Runs a model's own weights in double precision: enough for a simulation, without the runtime. */
export function inferWith(model: WinModel): Infer {
  const activations = newActivations();
  return (rows, rowCount) => {
    const laws = new Float32Array(rowCount * 2);
    for (let n = 0; n < rowCount; n++) {
      const { mu, sigma } = predictLaw(model, rows.subarray(n * 24, n * 24 + 24), activations);
      laws[2 * n] = mu;
      laws[2 * n + 1] = sigma;
    }
    return Promise.resolve(laws);
  };
}

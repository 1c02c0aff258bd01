import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { policySnapshotSchema, signedSchema, type PolicySnapshot } from '#domain/contracts/index';
import { FEATURE_NAMES } from '#domain/features/index';
import { decodeWinModelOnnx, plantFault, trainWinModel, type WinModel, type WinRow } from '#domain/learning/index';
import { simulateArm, type MarketArm, type Scenario } from '#domain/market/index';
import { inferWith } from '../ship/train-on-market';

/** Where the planted fault wakes: ln(1 + requests per second / 100) of 305 requests/s, twice the logged rate and more. */
export const LOAD_FAULT = {
  feature: FEATURE_NAMES.indexOf('lnRequestRate'),
  threshold: 1.4,
  width: 0.15,
} as const;

/** The three policies of the story, as the market sees them. */
export interface StoryArms {
  shipped: MarketArm;
  retrained: MarketArm;
  planted: MarketArm;
  /** Bids that the retrained model learned from. */
  trainingRows: number;
}

/** The snapshot that an edge is shipped with. @throws when it is missing or breaks its contract */
export function shippedSnapshot(root: string): PolicySnapshot {
  const file = join(root, 'apps', 'bidder-edge', 'shipped', 'snapshot.json');
  const raw: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const signed = signedSchema.safeParse(raw);
  return policySnapshotSchema.parse(signed.success ? JSON.parse(signed.data.payload) : raw);
}

/** Snapshot and model of the shipped champion. */
export function shippedArm(root: string): MarketArm & { model: WinModel } {
  const snapshot = shippedSnapshot(root);
  const { artifact } = snapshot.champion.bid;
  if (artifact === null) throw new Error('the shipped champion has no model');
  const file = join(root, 'apps', 'bidder-edge', 'shipped', 'artifacts', `${artifact.sha256}.onnx`);
  const model = decodeWinModelOnnx(readFileSync(file));
  return { snapshot, infer: inferWith(model), model };
}

/**
 * Plays the loop in process: the shipped champion bids, a model is trained on its own log, a load-dependent fault is planted into
 * that model's weights. All on seeds apart from those of the comparison.
 */
export async function storyArms(
  root: string,
  scenario: Scenario,
  seed: number,
  options: { trainingAuctions: number; muShift: number; say: (line: string) => void },
): Promise<StoryArms> {
  const { snapshot, infer } = shippedArm(root);
  const shipped = { snapshot, infer };
  const rows: WinRow[] = [];
  options.say(`the shipped champion bids on ${options.trainingAuctions} auctions`);
  await simulateArm(scenario, shipped, seed, { auctions: options.trainingAuctions, onRow: (row) => rows.push(row) });
  options.say(`training on ${rows.length} bids of its log`);
  const model = await trainWinModel(rows, {}, seed, () => Promise.resolve());
  const faulty = plantFault(model, { ...LOAD_FAULT, muShift: options.muShift });
  return {
    shipped,
    retrained: { snapshot, infer: inferWith(model) },
    planted: { snapshot, infer: inferWith(faulty) },
    trainingRows: rows.length,
  };
}

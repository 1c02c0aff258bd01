/**
 * Makes what an edge is shipped with (apps/bidder-edge/shipped): a champion trained on a cheaper market, its artifact, and a
 * snapshot signed by a key whose private half is thrown away. Deterministic but for the key.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  campaignSchema,
  canonicalJson,
  creativeSchema,
  fxTableSchema,
  policySnapshotSchema,
  type ArtifactRef,
} from '#domain/contracts/index';
import { FEATURE_SPEC_HASH } from '#domain/features/index';
import { encodeWinModelOnnx, paritySamples, WIN_INPUT, WIN_NET, WIN_OUTPUT } from '#domain/learning/index';
import { parseScenario } from '#domain/market/index';
import { demoPolicies, demoSnapshot, SERVING_BID_PARAMS, TRAINING_BID_PARAMS } from './ship/demo-policies';
import { marketRows, trainOnMarket } from './ship/train-on-market';

const SEED = 1;
const AUCTIONS = 20_000;
/** The market has become dearer since the shipped champion was trained: that is what the first retraining finds. */
const REGIME = 'cheap';
const PARITY_VECTORS = 8;
const PARITY_TOLERANCE = 1e-4;
const ISSUED_AT_MS = Date.UTC(2026, 10, 24);

async function main(): Promise<void> {
  const root = process.env.ADLOOP_ROOT ?? process.cwd();
  const shipped = join(root, 'apps', 'bidder-edge', 'shipped');
  const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const scenario = parseScenario(readJson(join(root, 'scenarios', 'story.json')));
  const raw = readJson(join(shipped, 'demo-inventory.json'));
  const inventory = {
    campaigns: (raw.campaigns as unknown[]).map((campaign) => campaignSchema.parse(campaign)),
    creatives: (raw.creatives as unknown[]).map((creative) => creativeSchema.parse(creative)),
    fx: fxTableSchema.parse(raw.fx),
  };
  const explorer = demoSnapshot(inventory, demoPolicies(TRAINING_BID_PARAMS, null), ISSUED_AT_MS);
  console.error(`training the shipped champion on ${AUCTIONS} auctions of the regime "${REGIME}"`);
  const model = await trainOnMarket(await marketRows(scenario, explorer, SEED, AUCTIONS, REGIME), SEED);
  const bytes = encodeWinModelOnnx(model);
  const artifact: ArtifactRef = {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.byteLength,
    inputName: WIN_INPUT,
    outputName: WIN_OUTPUT,
    inputWidth: WIN_NET.inputs,
    outputWidth: WIN_NET.outputs,
    featureSpecHash: FEATURE_SPEC_HASH,
    parity: paritySamples(model, PARITY_VECTORS, SEED),
    tolerance: PARITY_TOLERANCE,
  };
  const snapshot = policySnapshotSchema.parse(
    demoSnapshot(inventory, demoPolicies(SERVING_BID_PARAMS, artifact), ISSUED_AT_MS),
  );
  for (const folder of ['artifacts', 'keys']) {
    rmSync(join(shipped, folder), { recursive: true, force: true });
    mkdirSync(join(shipped, folder), { recursive: true });
  }
  writeFileSync(join(shipped, 'artifacts', `${artifact.sha256}.onnx`), bytes);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(shipped, 'keys', 'shipped.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  const payload = canonicalJson(snapshot);
  const signature = sign(null, Buffer.from(payload, 'utf8'), privateKey).toString('base64url');
  const signed = { payload, keyId: 'shipped', algorithm: 'ed25519', signature };
  writeFileSync(join(shipped, 'snapshot.json'), `${JSON.stringify(signed, null, 2)}\n`);
  console.error(`wrote ${shipped}: champion ${artifact.sha256}, ${bytes.byteLength} bytes`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PolicySnapshot } from '../../domain/contracts/policy-snapshot';
import { SHIPPED_DIR } from './control-plane-harness';

/** Bytes of an artifact that no test of the control plane ever runs. */
export const ARTIFACT = Buffer.from('not a model, but bytes with a hash');
export const ARTIFACT_SHA256 = createHash('sha256').update(ARTIFACT).digest('hex');

const snapshot: PolicySnapshot = {
  schemaVersion: 1,
  snapshotId: 'shipped-test',
  version: 1,
  issuedAtMs: 0,
  fleet: 'demo',
  cell: 'default',
  layerSalt: 'salt',
  rngSeed: 7,
  champion: {
    budget: {
      modelVersionId: 'budget-0',
      agent: 'budget',
      kind: 'baseline',
      artifact: null,
      params: {
        kp: 0.6,
        ki: 0.1,
        kd: 0.1,
        clip: 1,
        slewUpPerMinute: 0.2,
        slewDownPerMinute: 0.5,
        band: 0.02,
        kMin: 0.1,
        kMax: 3,
        trafficShares: new Array<number>(168).fill(1 / 168),
      },
    },
    creative: {
      modelVersionId: 'creative-0',
      agent: 'creative',
      kind: 'baseline',
      artifact: null,
      params: { epsilon: 0.1, priorClicks: 1, priorImpressions: 100, conversionRate: 0.2 },
    },
    bid: {
      modelVersionId: 'bid-0',
      agent: 'bid',
      kind: 'model',
      params: { gridPoints: 8, epsilon: 0.05, sigmaExplore: 0.2, muBounds: [-10, 10], sigmaBounds: [0.01, 5] },
      artifact: {
        sha256: ARTIFACT_SHA256,
        sizeBytes: ARTIFACT.length,
        inputName: 'features',
        outputName: 'law',
        inputWidth: 24,
        outputWidth: 2,
        featureSpecHash: 'f',
        parity: [{ input: [0], output: [0] }],
        tolerance: 1e-4,
      },
    },
    frequency: {
      modelVersionId: 'frequency-0',
      agent: 'frequency',
      kind: 'baseline',
      artifact: null,
      params: { base: 0.9 },
    },
  },
  canary: null,
  shadows: [],
  campaigns: [],
  creatives: [],
  creativeStats: {},
  shadingTable: { '*': 0.7 },
  exchanges: {
    demo: {
      exchange: 'demo',
      auctionType: 1,
      currency: 'USD',
      networkAllowanceMs: 20,
      defaultTmaxMs: 120,
      priceEncoding: 'plain',
      seat: 'adloop',
      disclosesMinToWin: true,
    },
  },
  fx: { base: 'USD', asOfMs: 0, rates: { USD: 1 } },
  autonomyBps: { budget: 10_000, creative: 10_000, bid: 10_000, frequency: 10_000 },
  kill: { level: 'none', agents: [] },
  standaloneGrantNanos: {},
};

/** A shipped folder of its own: the repository's demo inventory and a snapshot whose only model is a file of known bytes. */
export function shippedFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-shipped-'));
  mkdirSync(path.join(folder, 'artifacts'));
  copyFileSync(path.join(SHIPPED_DIR, 'demo-inventory.json'), path.join(folder, 'demo-inventory.json'));
  const pair = generateKeyPairSync('ed25519');
  const payload = JSON.stringify(snapshot);
  const signature = sign(null, Buffer.from(payload), pair.privateKey).toString('base64url');
  const signed = { payload, keyId: 'shipped', algorithm: 'ed25519', signature };
  writeFileSync(path.join(folder, 'snapshot.json'), JSON.stringify(signed));
  mkdirSync(path.join(folder, 'keys'));
  writeFileSync(path.join(folder, 'keys', 'shipped.pub.pem'), pair.publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(path.join(folder, 'artifacts', `${ARTIFACT_SHA256}.onnx`), ARTIFACT);
  return folder;
}

import { createHash } from 'node:crypto';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import { canonicalJson } from '#domain/contracts/canonical-json';
import { firstDifference } from '#domain/contracts/first-difference';
import { decideRequest, prepareRequest } from '#domain/coordination';
import { encodeWinModelOnnx } from '#domain/learning/onnx-graph';
import { WIN_NET, type WinModel } from '#domain/learning/win-model';
import { buildServingIndex } from '#domain/matching';
import { normaliseRequest } from '#domain/openrtb';
import { contextOf, freshState, hashUser } from '../test/fixtures/decision-scene';
import { baselinePolicies, demoInventory, demoSnapshot, exchangeOf } from '../test/fixtures/demo-snapshot';
import { openOnnxSession } from './onnx-session';
import { createReplayActivities, type ReplayableRecord } from './replay-decisions';
import { tryRequest } from './try-request';

/** A net with small repeatable weights: untrained, but as sensitive to every feature as a trained one. */
function net(change = 0): WinModel {
  let state = 7;
  const draw = () => ((state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32 - 0.5) * 0.6;
  const weights = (count: number) => Float64Array.from({ length: count }, draw);
  const { inputs, hidden1, hidden2, outputs } = WIN_NET;
  const model = {
    mean: new Float64Array(inputs),
    scale: new Float64Array(inputs).fill(0.5),
    low: new Float64Array(inputs).fill(-5),
    high: new Float64Array(inputs).fill(5),
    w1: weights(inputs * hidden1),
    b1: weights(hidden1),
    w2: weights(hidden1 * hidden2),
    b2: weights(hidden2),
    w3: weights(hidden2 * outputs),
    b3: Float64Array.of(0.5, 0.2),
  };
  for (let at = 0; at < hidden2; at += 1) model.w3[at]! += change;
  return model;
}

const artifact = encodeWinModelOnnx(net());
const sha256 = createHash('sha256').update(artifact).digest('hex');

function modelSnapshot(): PolicySnapshot {
  const policies = baselinePolicies();
  const bid = {
    ...policies.bid,
    kind: 'model' as const,
    artifact: {
      sha256,
      sizeBytes: artifact.length,
      inputName: 'features',
      outputName: 'law',
      inputWidth: 24,
      outputWidth: 2,
      featureSpecHash: 'spec',
      parity: [{ input: [], output: [] }],
      tolerance: 1e-4,
    },
  };
  return demoSnapshot({ ...demoInventory(), champion: { ...policies, bid } });
}

const snapshot = modelSnapshot();
const ports = {
  snapshot: async () => snapshot,
  artifact: async () => artifact,
  openSession: openOnnxSession,
};
const { replayDecisions } = createReplayActivities(ports);

const rawRequest = (number: number) => ({
  id: `r-${number}`,
  at: number % 3 === 0 ? 2 : 1,
  site: { domain: 'news.example' },
  device: { devicetype: 2, geo: { country: 'USA' } },
  user: { id: `u-${number % 7}` },
  imp: Array.from({ length: 1 + (number % 3) }, (_, at) => ({
    id: String(at + 1),
    banner: { format: [at % 2 === 0 ? { w: 300, h: 250 } : { w: 728, h: 90 }] },
    bidfloor: 0.05 * (number % 5),
    secure: 1,
  })),
});

/** Decides as the edge does: one run over all impressions of a request. */
async function logged(count: number): Promise<DecisionRecord[]> {
  const index = buildServingIndex(snapshot);
  const session = await openOnnxSession(artifact);
  const records: DecisionRecord[] = [];
  for (let number = 0; number < count; number += 1) {
    const request = normaliseRequest(rawRequest(number), exchangeOf(), snapshot.fx, hashUser, snapshot.layerSalt);
    const context = contextOf({
      snapshotId: snapshot.snapshotId,
      rngCounter: number,
      nowMs: Date.UTC(2026, 10, 24, 12) + number,
      live: { requestRate: 40 + number, winRate: 0.3, openReservations: number },
    });
    const prepared = prepareRequest(index, request, context, freshState());
    const law = prepared.rowCount > 0 ? await session.run(prepared.rows, prepared.rowCount) : null;
    for (const [at, decision] of decideRequest(index, prepared, law, () => true).entries()) {
      const record = {
        type: 'decision',
        schemaVersion: 1,
        decisionId: `d-${number}-${at}`,
        edgeId: 'edge-1',
        ...decision,
      } as DecisionRecord;
      records.push(JSON.parse(JSON.stringify(record)) as DecisionRecord);
    }
  }
  await session.close();
  return records;
}

const copyOf = ({ decisionId, edgeId, inputs }: DecisionRecord): ReplayableRecord =>
  structuredClone({ decisionId, edgeId, inputs });

describe('replayDecisions', () => {
  let records: DecisionRecord[];
  let bids: DecisionRecord[];
  beforeAll(async () => {
    records = await logged(120);
    bids = records.filter(({ outputs }) => outputs.noBidReason === null && outputs.agents?.bid.mode === 'model');
  });

  const difference = async (change: (copy: ReplayableRecord) => void, artifacts?: Record<string, string>) => {
    const found = new Set<string>();
    for (const record of bids.filter(({ inputs }) => inputs.request.impressions.length === 1).slice(0, 20)) {
      const copy = copyOf(record);
      change(copy);
      const [answer] = await replayDecisions({ records: [copy], artifacts });
      const first = firstDifference(record.outputs, JSON.parse(JSON.stringify(answer!.outputs)));
      if (first) found.add(first.pointer);
    }
    return [...found];
  };

  it('yields the withheld bytes from copies without outputs, in any order', async () => {
    expect(bids.length).toBeGreaterThan(50);
    const shuffled = [...records].reverse();
    const answers = await replayDecisions({ records: shuffled.map(copyOf) });
    expect(answers.map(({ decisionId }) => decisionId)).toEqual(shuffled.map(({ decisionId }) => decisionId));
    for (const [at, { outputs }] of answers.entries()) {
      expect(canonicalJson(outputs)).toBe(canonicalJson(shuffled[at]!.outputs));
    }
  });

  it('names an output that differs when the floor, a feature, the RNG counter or a weight is another', async () => {
    expect(await difference(() => undefined)).toEqual([]);
    const floor = await difference(({ inputs }) => void (inputs.request.impressions[0]!.floorMicros += 40_000));
    expect(floor.length).toBeGreaterThan(0);
    expect((await difference(({ inputs }) => void (inputs.live.requestRate *= 3))).length).toBeGreaterThan(0);
    expect((await difference(({ inputs }) => void (inputs.rngCounter += 1))).length).toBeGreaterThan(0);
    const heavier = Buffer.from(encodeWinModelOnnx(net(0.01))).toString('base64');
    expect((await difference(() => undefined, { [sha256]: heavier })).length).toBeGreaterThan(0);
  });
});

describe('tryRequest', () => {
  const tryPorts = { ...ports, hashUser, now: () => Date.UTC(2026, 10, 24, 12) };

  it('decides every impression of a request without a trace, the same each time', async () => {
    const first = await tryRequest(tryPorts, snapshot, 'demo', rawRequest(2));
    const second = await tryRequest(tryPorts, snapshot, 'demo', rawRequest(2));
    expect(first).toEqual(second);
    if (!first.ok) throw new Error(first.detail);
    expect(first.decisions).toHaveLength(3);
    expect(first.decisions[0]!.outputs).toMatchObject({ noBidReason: null });
  });

  it('answers what is wrong with a malformed request or an unknown exchange', async () => {
    const { site: _site, ...without } = rawRequest(1);
    expect(await tryRequest(tryPorts, snapshot, 'demo', without)).toMatchObject({ ok: false, pointer: '/request' });
    expect(await tryRequest(tryPorts, snapshot, 'nowhere', rawRequest(1))).toMatchObject({
      ok: false,
      code: 'unknown-exchange',
    });
  });
});

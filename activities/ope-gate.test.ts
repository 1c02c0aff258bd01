import { createHash } from 'node:crypto';
import { modelManifestSchema, type AgentPolicy, type DecisionRecord, type PolicySnapshot } from '#domain/contracts';
import { constantModel, decideLog, fewCampaigns, KnownMarket } from '../test/fixtures/bid-log';
import { baselinePolicies, exchangeOf } from '../test/fixtures/demo-snapshot';
import { openOnnxSession } from './onnx-session';
import { judgeByLog, type OpeGatePorts } from './ope-gate';
import type { LoggedBid } from './training-ports';

const MU = -0.2;
const SIGMA = 0.5;
const law = () => ({ mu: MU, sigma: SIGMA });
const stored = new Map<string, Uint8Array>();

/** A bid policy whose model says `mu` everywhere. */
function policyOf(modelVersionId: string, mu: number): AgentPolicy & { agent: 'bid' } {
  const bytes = constantModel({ mu, sigma: SIGMA });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  stored.set(sha256, bytes);
  const artifact = {
    ...{ sha256, sizeBytes: bytes.length, inputName: 'features', outputName: 'law', inputWidth: 24, outputWidth: 2 },
    ...{ featureSpecHash: 'spec', parity: [{ input: [], output: [] }], tolerance: 1e-4 },
  };
  return { ...baselinePolicies().bid, modelVersionId, kind: 'model', artifact } as AgentPolicy & { agent: 'bid' };
}

const champion = policyOf('bid-champion', MU);
const WINDOW = { windowId: 'win-1', contentSha256: 'ab'.repeat(32), rows: 600, fromMs: 1, toMs: 2 };

function snapshotOf(disclosesMinToWin: boolean): PolicySnapshot {
  const policies = { ...baselinePolicies(), bid: champion };
  return fewCampaigns(3, { champion: policies, exchanges: { demo: exchangeOf({ disclosesMinToWin }) } });
}

/** What the market made of logged bids: users of their own, whose clicks are worth the agents' estimate. */
function settle(records: readonly DecisionRecord[], disclosesMinToWin: boolean): LoggedBid[] {
  const market = new KnownMarket(law, 3);
  return records.map((record) => {
    const { bidMicros, features, counterfactual } = record.outputs;
    const { minToWinMicros, clickDraw } = market.draw(features);
    const won = bidMicros >= minToWinMicros;
    const clicked = won && clickDraw < KnownMarket.clickRate(record.inputs.request.userKey);
    const valueNanos = clicked ? counterfactual!.psi * counterfactual!.vMicros : 0;
    const bar = disclosesMinToWin ? minToWinMicros : null;
    return { record: JSON.stringify(record), won, minToWinMicros: bar, valueNanos, copies: 1 };
  });
}

function portsOf(snapshot: PolicySnapshot, bids: LoggedBid[]) {
  const asked: unknown[] = [];
  const ports: OpeGatePorts = {
    async loggedBids(query) {
      asked.push(query);
      return bids;
    },
    snapshot: async (id) => (id === snapshot.snapshotId ? snapshot : null),
    artifacts: {
      put: () => Promise.reject(new Error('nothing is written')),
      get: async (sha256) => stored.get(sha256)!,
    },
    openSession: openOnnxSession,
  };
  return { ports, asked };
}

describe('the off-policy gate', () => {
  const open = snapshotOf(true);
  const records = decideLog(open, 500, law, { modelVersionId: champion.modelVersionId });
  const bids = settle(records, true);
  const beats: number[] = [];
  const judge = (candidate: AgentPolicy, from = bids, snapshot = open) =>
    judgeByLog(portsOf(snapshot, from).ports, {
      ...{ candidate, champion, window: WINDOW, seed: 7 },
      onBatch: async (done, of) => void beats.push(done / of),
    });

  it('passes a candidate that bids as the champion does, with effect 0 as its forecast', async () => {
    const result = await judge(policyOf('bid-same', MU));
    expect(result).toMatchObject({
      gate: 'ope',
      passed: true,
      verdict: 'non-inferior',
      bound: -0.05,
      n: records.length,
    });
    const { forecast } = result;
    expect(forecast).toMatchObject({ source: 'ope', metric: 'value', confidence: 0.95 });
    expect([forecast!.relativeEffect, forecast!.lower, forecast!.upper]).toEqual([
      expect.closeTo(0, 5),
      expect.closeTo(0, 3),
      expect.closeTo(0, 3),
    ]);
    // The manifest keeps all of it: the forecast is what the canary's result is held against.
    expect(modelManifestSchema.shape.gates.element.parse(result)).toEqual(result);
    expect(beats).toEqual([...beats].sort((a, b) => a - b));
    expect(beats.at(-1)).toBe(1);
  });

  it('stops what is proven to lose more than the margin, and says by how much', async () => {
    const result = await judge(policyOf('bid-low', MU - 1.5));
    expect(result).toMatchObject({ passed: false, verdict: 'inferior', value: result.forecast!.upper });
    expect(result.forecast!.upper).toBeLessThan(-0.05);
    expect(result.reason).toMatch(
      /^-\d+\.\d % value \[.*\] by \d+ logged bids of bid-champion, \d+ rewarded, of \d+ users: inferior/,
    );
  });

  it('lets pass what it cannot tell, with the interval as forecast', async () => {
    const result = await judge(policyOf('bid-other', MU - 0.25));
    expect(result).toMatchObject({ passed: true, verdict: 'inconclusive' });
    expect(result.forecast!.lower).toBeLessThan(-0.05);
    expect(result.forecast!.upper).toBeGreaterThan(-0.05);
  });

  it('stops nothing where the log says nothing: no overlap, too few bids, records that do not repeat', async () => {
    const shut = snapshotOf(false);
    const blind = settle(decideLog(shut, 500, law, { modelVersionId: champion.modelVersionId }), false);
    const far = await judge(policyOf('bid-far', MU + 1), blind, shut);
    expect(far).toMatchObject({ passed: true, verdict: 'no-data', value: 0 });
    expect(far.reason).toMatch(/^no evidence: .*never shows/);
    expect(far.forecast).toBeUndefined();
    const few = await judge(policyOf('bid-same', MU), bids.slice(0, 100));
    expect(few).toMatchObject({ passed: true, verdict: 'no-data', reason: 'no evidence: 100 logged bids, 200 needed' });
    expect(await judge(policyOf('bid-same', MU), [])).toMatchObject({ passed: true, verdict: 'no-data', n: 0 });
    const strange = bids.map((bid) => ({ ...bid, record: bid.record.replaceAll('"snap-test"', '"snap-other"') }));
    expect((await judge(policyOf('bid-same', MU), strange)).reason).toMatch(/of \d+ logged bids do not repeat/);
  });

  it('reads only what the present champion decided in the window', async () => {
    const { ports, asked } = portsOf(open, []);
    const onBatch = async () => undefined;
    await judgeByLog(ports, { candidate: policyOf('bid-same', MU), champion, window: WINDOW, seed: 7, onBatch });
    expect(asked).toEqual([{ window: WINDOW, modelVersionId: 'bid-champion', maxBids: 20_000 }]);
  });

  it('judges a candidate without a model by its shading table', async () => {
    const result = await judge({ ...baselinePolicies().bid, modelVersionId: 'bid-table' } as AgentPolicy);
    // 0.7 of the value wins nearly everything that the champion wins and more.
    expect(result).toMatchObject({ gate: 'ope', passed: true });
  });
});

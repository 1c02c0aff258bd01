import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import {
  canonicalJson,
  decodeFrames,
  eventText,
  type ArtifactRef,
  type DecisionRecord,
  type EdgeEvent,
  type PolicySnapshot,
  type ShadowRecord,
} from '#domain/contracts';
import { replayDecision } from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { openBidModel } from '../../apps/bidder-edge/src/inference';
import { waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, notify } from '../fixtures/edge-traffic';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';

const SHIPPED = join(__dirname, '..', '..', 'apps', 'bidder-edge', 'shipped');
const signed = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
const snapshot = JSON.parse(signed.payload) as PolicySnapshot;
const artifact = snapshot.champion.bid.artifact as ArtifactRef;
const bytes = readFileSync(join(SHIPPED, 'artifacts', `${artifact.sha256}.onnx`));

/** Everything that an edge has on disk. */
function eventsOf(home: string): EdgeEvent[] {
  return ['open', 'sealed'].flatMap((folder) =>
    readdirSync(join(home, 'outbox', folder)).flatMap((name) =>
      decodeFrames(readFileSync(join(home, 'outbox', folder, name)), crc32).bodies.map(
        (body) => JSON.parse(eventText(body)) as EdgeEvent,
      ),
    ),
  );
}
const decisionsOf = (home: string): DecisionRecord[] =>
  eventsOf(home).flatMap((event) => (event.type === 'decision' ? [event] : []));

describe('the decision record', () => {
  let local: LocalEdge;
  beforeAll(async () => {
    const shadow = { rolloutId: 'rollout-s', sampleBps: 10_000, policies: snapshot.champion };
    local = await startLocalEdge({ ...snapshot, shadows: [shadow] }, {}, { [artifact.sha256]: bytes });
    for (let n = 0; n < 60; n += 1) {
      const imp = [
        { id: '1', banner: { w: 300, h: 250 }, bidfloor: n / 100 },
        { id: '2', banner: { w: 728, h: 90 } },
      ];
      const bid = await ask(local.url, bannerRequest(`user-${n % 7}`, { imp, at: 1 + (n % 2) }));
      if (bid !== null && n % 3 === 0) await notify(bid.burl, { price: bid.price });
    }
    await waitFor(() => decisionsOf(local.home).length === 120);
  });
  afterAll(() => local.stop());

  it('is enough to execute every decision again, bit for bit', async () => {
    const model = await openBidModel(bytes, artifact);
    const index = buildServingIndex({ ...snapshot, shadows: [] });
    const byRequest = new Map<string, DecisionRecord[]>();
    for (const record of decisionsOf(local.home)) {
      const { requestId } = record.inputs.request;
      byRequest.set(requestId, [...(byRequest.get(requestId) ?? []), record]);
    }
    expect(byRequest.size).toBe(60);
    for (const records of byRequest.values()) {
      const again = await replayDecision(
        index,
        records.map(({ inputs }) => inputs),
        async (rows, count) => model.run(rows, count),
      );
      expect(again.map((outputs) => canonicalJson(outputs))).toEqual(
        records.map(({ outputs }) => canonicalJson(outputs)),
      );
    }
    await model.close();
  });

  it('says that the model decided, at which latency and under which versions', () => {
    const bids = decisionsOf(local.home).filter(({ outputs }) => outputs.creativeId !== null);
    expect(bids.length).toBeGreaterThan(60);
    expect(bids.every(({ outputs }) => outputs.agents?.bid.mode === 'model')).toBe(true);
    expect(new Set(bids.map(({ modelVersions }) => modelVersions.bid))).toEqual(
      new Set([snapshot.champion.bid.modelVersionId]),
    );
    expect(bids.every(({ inputs, latencyUs }) => inputs.timeLeftMs.respond > 0 && latencyUs.decode >= 0)).toBe(true);
    expect(new Set(decisionsOf(local.home).map(({ decisionId }) => decisionId)).size).toBe(120);
  });

  it('has a shadow that is the champion bidding what the champion would without exploration', async () => {
    const shadows = (): ShadowRecord[] =>
      eventsOf(local.home).flatMap((event) => (event.type === 'shadow' ? [event] : []));
    await waitFor(() => shadows().length > 60);
    expect(shadows().every(({ error }) => error === null)).toBe(true);
    const same = shadows().filter(({ bidMicros, championBidMicros }) => bidMicros === championBidMicros);
    expect(same.length / shadows().length).toBeGreaterThan(0.9);
  });
});

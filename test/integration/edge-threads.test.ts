import { readdirSync, readFileSync, rmSync } from 'node:fs';
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
} from '#domain/contracts';
import { replayDecision } from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { openBidModel } from '../../apps/bidder-edge/src/inference';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { ask, bannerRequest, grantsFor, notify, type SeenBid } from '../fixtures/edge-traffic';
import { HttpLoad } from '../fixtures/http-load';
import { temporaryFolder } from '../fixtures/local-edge';

const THREADS = 4;
const CAP = 3;
const ROOT = join(__dirname, '..', '..');
const SHIPPED = join(ROOT, 'apps', 'bidder-edge', 'shipped');

/** Every campaign may show three ads an hour to one user. */
const capped = (): PolicySnapshot => {
  const snapshot = demoSnapshot();
  const frequencyCaps = [{ scope: 'campaign' as const, windowMinutes: 60, maxImpressions: CAP }];
  return { ...snapshot, campaigns: snapshot.campaigns.map((campaign) => ({ ...campaign, frequencyCaps })) };
};

/** Which thread named a decision: each takes every fourth number. */
const threadOf = (decisionId: string): number => Number.parseInt(decisionId.split('-').at(-1) ?? '', 36) % THREADS;

const askTogether = (url: string, users: readonly string[]): Promise<(SeenBid | null)[]> =>
  Promise.all(users.map((user) => ask(url, bannerRequest(user))));

describe('an edge with four bidding threads', () => {
  let scene: EdgeScene;

  beforeAll(async () => {
    scene = await EdgeScene.open('edge-threads', { snapshot: capped(), env: { EDGE_THREADS: String(THREADS) } });
  });
  afterAll(() => scene.close());

  it('never exceeds a cap when all of them hammer one user', async () => {
    for (let round = 0; round < 5; round += 1) {
      const seen = await askTogether(scene.edge.url, Array(200).fill(`hammered-${round}`) as string[]);
      const bids = seen.filter((bid) => bid !== null);
      const byCampaign = new Map<string, number>();
      for (const { cid } of bids) byCampaign.set(cid, (byCampaign.get(cid) ?? 0) + 1);
      expect(byCampaign.size).toBeGreaterThan(0);
      for (const count of byCampaign.values()) expect(count).toBeLessThanOrEqual(CAP);
      // Whoever may bid at all has bid as often as it may: 200 requests are many more than all caps together.
      expect([...byCampaign.values()]).toContain(CAP);
    }
  });

  it('lets every thread bid', async () => {
    await waitFor(() => new Set(scene.decisions().map(({ decisionId }) => threadOf(decisionId))).size === THREADS);
  });

  it('counts a notice once that comes on many connections at a time, and the bid at once as held', async () => {
    const bid = await scene.bidFor('billed');
    const billed = await Promise.all(Array.from({ length: 32 }, () => notify(bid.burl, { price: bid.price })));
    expect(billed.map(({ status }) => status)).toEqual(Array(32).fill(200));
    await waitFor(() => scene.outcomesOf(bid.id).length > 0);
    expect(scene.outcomesOf(bid.id).map(({ kind, reservationLive }) => [kind, reservationLive])).toEqual([
      ['bill', true],
    ]);
    // The bid is known before its notice, however fast that is and whichever thread it meets.
    const fast: string[] = [];
    for (let n = 0; n < 50; n += 1) {
      const { id, burl, price } = await scene.bidFor(`fast-${n}`);
      await notify(burl, { price });
      fast.push(id);
    }
    await waitFor(() => fast.every((id) => scene.outcomesOf(id).length > 0));
    for (const id of fast) expect(scene.outcomesOf(id)[0]?.reservationLive).toBe(true);
  });

  it('shows what all of them have counted, to the last request', async () => {
    const before = await scene.edge.metric('adloop_edge_requests_total{exchange="demo"}');
    await askTogether(
      scene.edge.url,
      Array.from({ length: 100 }, (_, n) => `counted-${n}`),
    );
    expect(await scene.edge.metric('adloop_edge_requests_total{exchange="demo"}')).toBe(before + 100);
    const total = await scene.edge.metric('adloop_edge_latency_seconds_count');
    expect(await scene.edge.metric('adloop_edge_stage_seconds_count{stage="total"}')).toBe(total);
  });

  it('takes a new snapshot on all threads before any notice of it is heard', async () => {
    const next = { ...capped(), version: 2, snapshotId: 'snap-second', campaigns: capped().campaigns.slice(0, 1) };
    scene.control.publish(next);
    await waitFor(async () => (await scene.edge.metric('adloop_edge_snapshot_version')) === 2);
    await askTogether(
      scene.edge.url,
      Array.from({ length: 60 }, (_, n) => `after-${n}`),
    );
    await waitFor(() => scene.decisions().filter(({ inputs }) => inputs.snapshotId === 'snap-second').length === 60);
    const of = scene.decisions().filter(({ inputs }) => inputs.snapshotId === 'snap-second');
    expect(new Set(of.map(({ decisionId }) => threadOf(decisionId))).size).toBe(THREADS);
  });

  it('cuts nobody off when it is told to stop under load, and gives its leases back', async () => {
    const load = new HttpLoad(scene.edge.url, 16);
    const loading = load.closedLoop();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { code } = await scene.edge.end('SIGTERM');
    const { bids, odd, resets } = await loading;
    load.close();
    expect(bids).toBeGreaterThan(50);
    expect({ code, odd, resets }).toEqual({ code: 0, odd: 0, resets: 0 });
    for (const grant of scene.control.heartbeats.at(-1)?.grants ?? []) expect(grant.freeNanos).toBe(0);
  });
});

describe('the money of four bidding threads', () => {
  it('spends no nano more than its leases under load, and knows every bill after kill -9', async () => {
    const env = { EDGE_THREADS: String(THREADS), EDGE_HEARTBEAT_MS: '60000' };
    const scene = await EdgeScene.open('edge-threads-money', { env });
    try {
      const grantNanos = 60_000_000;
      scene.control.grants = grantsFor(scene.snapshot, grantNanos, { dayPlanNanos: 1e12 }).map((grant) => ({
        ...grant,
        grantId: `${grant.grantId}-small`,
      }));
      await scene.edge.end('SIGTERM');
      await scene.edge.start();
      const bids = await askAll(scene.edge.url, 600);
      const heldBy = new Map<string, number>();
      for (const { cid, price } of bids) heldBy.set(cid, (heldBy.get(cid) ?? 0) + Math.round(price * 1e6));
      expect(bids.length).toBeGreaterThan(20);
      expect(bids.length).toBeLessThan(600);
      for (const held of heldBy.values()) expect(held).toBeLessThanOrEqual(grantNanos);
      const billed = bids.slice(0, 20);
      for (const bid of billed) expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
      await scene.edge.end('SIGKILL');
      await scene.edge.start();
      for (const bid of billed) await notify(bid.burl, { price: bid.price });
      await waitFor(() => billed.every(({ id }) => scene.outcomesOf(id).length > 0));
      for (const { id } of billed) expect(scene.outcomesOf(id)).toHaveLength(1);
      const paid = billed.reduce((sum, { price }) => sum + Math.round(price * 1e6), 0);
      expect(await scene.budget('spent')).toBe(paid);
    } finally {
      await scene.close();
    }
  });
});

/** Bids of so many users, some dozens at a time. */
async function askAll(url: string, count: number): Promise<SeenBid[]> {
  const bids: SeenBid[] = [];
  for (let n = 0; n < count; n += 50) {
    const users = Array.from({ length: 50 }, (_, k) => `poor-${n + k}`);
    for (const bid of await askTogether(url, users)) if (bid !== null) bids.push(bid);
  }
  return bids;
}

describe('decisions of several threads', () => {
  const { payload } = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
  const snapshot = JSON.parse(payload) as PolicySnapshot;
  const artifact = snapshot.champion.bid.artifact as ArtifactRef;
  const bytes = readFileSync(join(SHIPPED, 'artifacts', `${artifact.sha256}.onnx`));
  const home = temporaryFolder('edge-threads-replay');
  const edge = new EdgeProcess(join(home, 'edge'), { EDGE_THREADS: String(THREADS) });

  afterAll(async () => {
    await edge.end('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });

  it('are executed again from their records bit for bit, by model and by fall-back', async () => {
    await edge.start();
    const networkAllowanceMs = snapshot.exchanges['demo']?.networkAllowanceMs ?? 0;
    for (let round = 0; round < 12; round += 1) {
      // A third of them have so little time that those which wait for others are decided without the model, or too late.
      const tmax = round % 3 === 0 ? networkAllowanceMs + 2 : 1000;
      const imp = [
        { id: '1', banner: { w: 300, h: 250 }, bidfloor: round / 100 },
        { id: '2', banner: { w: 728, h: 90 } },
      ];
      const requests = Array.from({ length: 40 }, (_, n) => bannerRequest(`replayed-${n % 9}`, { imp, tmax }));
      await Promise.all(requests.map((request) => ask(edge.url, request)));
    }
    await edge.end('SIGTERM');
    const records = decisionsIn(join(home, 'edge', 'outbox'));
    const byRequest = new Map<string, DecisionRecord[]>();
    for (const record of records) {
      const { requestId } = record.inputs.request;
      byRequest.set(requestId, [...(byRequest.get(requestId) ?? []), record]);
    }
    // The system spreads connections, not requests.
    expect(new Set(records.map(({ decisionId }) => threadOf(decisionId))).size).toBeGreaterThan(1);
    expect(new Set(records.map(({ inputs }) => inputs.rngCounter)).size).toBe(byRequest.size);
    const modes = records.map(({ outputs }) => outputs.agents?.bid.mode ?? outputs.noBidReason);
    expect(modes).toContain('model');
    expect(modes.some((mode) => mode === 'baseline' || mode === 'too-late')).toBe(true);
    const model = await openBidModel(bytes, artifact);
    const index = buildServingIndex(snapshot);
    for (const of of byRequest.values()) {
      const again = await replayDecision(
        index,
        of.map(({ inputs }) => inputs),
        async (rows, count) => model.run(rows, count),
      );
      const [got, logged] = [again, of.map(({ outputs }) => outputs)].map((all) =>
        all.map((one) => canonicalJson(one)),
      );
      if (of.every(({ outputs }) => outputs.noBidReason !== 'too-late')) expect(got).toEqual(logged);
    }
    await model.close();
  });
});

function decisionsIn(outbox: string): DecisionRecord[] {
  return ['open', 'sealed'].flatMap((folder) =>
    readdirSync(join(outbox, folder)).flatMap((name) =>
      decodeFrames(readFileSync(join(outbox, folder, name)), crc32).bodies.flatMap((body) => {
        const event = JSON.parse(eventText(body)) as EdgeEvent;
        return event.type === 'decision' ? [event] : [];
      }),
    ),
  );
}

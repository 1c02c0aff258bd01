import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { canonicalJson } from '#domain/contracts/canonical-json';
import type { DecisionOutputs, DecisionRecord } from '#domain/contracts/decision-record';
import { firstDifference } from '#domain/contracts/first-difference';
import { decodeWinModelOnnx, encodeWinModelOnnx } from '#domain/learning/onnx-graph';
import { startDuties } from '../../apps/control-plane/src/application';
import { WindowService } from '../../apps/control-plane/src/lake/window.service';
import { Edge } from '../../apps/bidder-edge/src/edge';
import { readConfig } from '../../apps/bidder-edge/src/config';
import { createLogger } from '../../apps/bidder-edge/src/log';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';
import { draws, inParts } from './open-lake';

const REQUESTS = 900;
const rng = draws(11);
const pick = <T>(items: readonly T[]): T => items[Math.floor(rng() * items.length)]!;

const bidRequest = (number: number) => ({
  id: `request-${number}`,
  at: pick([1, 1, 2]),
  tmax: 2000,
  cur: ['USD'],
  site: { domain: pick(['news.example', 'shop.example']), page: 'https://news.example/a' },
  device: { devicetype: pick([1, 2, 4]), geo: { country: pick(['USA', 'DEU']) }, ua: 'x', ip: '203.0.113.7' },
  user: { id: `user-${Math.floor(rng() * 200)}` },
  imp: Array.from({ length: rng() < 0.2 ? 3 : 1 }, (_, at) => ({
    id: String(at + 1),
    banner: {
      format: [
        pick([
          { w: 300, h: 250 },
          { w: 728, h: 90 },
          { w: 320, h: 50 },
        ]),
      ],
    },
    bidfloor: pick([0, 0.05, 0.3]),
  })),
});

interface Bid {
  id: string;
  price: number;
  nurl?: string;
  burl?: string;
  lurl?: string;
}

/** A real edge that serves the shipped champion, takes its leases from the control plane and ships its outbox there. */
describe('an edge and the lake', () => {
  let plane: ControlPlaneHarness;
  let edge: Edge;
  let folder: string;
  const acknowledged: { decisionId: string; kind: string }[] = [];
  let records: DecisionRecord[];

  const notify = async (url: string | undefined, kind: string, bid: Bid, price: number) => {
    if (url === undefined) return;
    const filled = url
      .replaceAll('${AUCTION_PRICE}', price.toFixed(4))
      .replaceAll('${AUCTION_MIN_TO_WIN}', (price * 1.1).toFixed(4))
      .replaceAll('${AUCTION_LOSS}', '102');
    const answer = await fetch(filled, { redirect: 'manual' });
    await answer.arrayBuffer();
    if (answer.ok) acknowledged.push({ decisionId: bid.id, kind });
  };

  const bidOn = async (number: number) => {
    const answer = await fetch(`http://127.0.0.1:${edge.port}/openrtb2/demo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(bidRequest(number)),
    });
    if (answer.status !== 200) {
      await answer.arrayBuffer();
      return;
    }
    const { seatbid } = (await answer.json()) as { seatbid: { bid: Bid[] }[] };
    for (const bid of seatbid.flatMap((seat) => seat.bid)) {
      if (rng() < 0.4) await notify(bid.lurl, 'loss', bid, bid.price);
      else {
        await notify(bid.nurl, 'win', bid, bid.price * 0.9);
        await notify(bid.burl, 'bill', bid, bid.price * 0.9);
        await notify(bid.burl, 'bill', bid, bid.price * 0.9);
      }
    }
  };

  const until = async (what: string, condition: () => Promise<boolean>) => {
    for (let attempt = 0; attempt < 300; attempt += 1) {
      if (await condition()) return;
      await sleep(100);
    }
    throw new Error(`it did not happen in 30 s: ${what}`);
  };

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await startDuties(plane.app);
    await plane.app.listen(0, '127.0.0.1');
    folder = mkdtempSync(join(tmpdir(), 'adloop-edge-'));
    const { keys } = plane;
    const env = {
      EDGE_ID: 'edge-1',
      EDGE_HOME: folder,
      CONTROL_PLANE_URL: await plane.app.getUrl(),
      EDGE_TOKEN_FILE: keys.edgeTokenFile,
      SNAPSHOT_KEYS_DIR: keys.snapshotPublic,
      NOTICE_KEY_FILE: keys.noticeKeyFile,
      USER_HASH_KEY_FILE: keys.userHashKeyFile,
      EDGE_HEARTBEAT_MS: '200',
      EDGE_SEAL_AFTER_MS: '300',
      LOG_LEVEL: 'silent',
    };
    edge = new Edge(readConfig(['--port', '0'], env), createLogger('silent', 'edge-1'));
    await edge.start();
    await until('the edge is ready', async () => (await fetch(`http://127.0.0.1:${edge.port}/readyz`)).ok);
    await until('a lease arrived', async () => {
      await bidOn(-1);
      return acknowledged.length > 0;
    });
    const numbers = Array.from({ length: REQUESTS }, (_, number) => number);
    for (const together of inParts(numbers, 20)) await Promise.all(together.map(bidOn));
    await until('every acknowledged notice is in the lake', async () => (await missing()) === 0);
  });

  const missing = async () => {
    const rows = await plane.database.query<{ key: string }[]>(`SELECT decision_id || ' ' || kind AS key FROM outcome`);
    const known = new Set(rows.map(({ key }) => key));
    return acknowledged.filter(({ decisionId, kind }) => !known.has(`${decisionId} ${kind}`)).length;
  };

  afterAll(async () => {
    await edge?.stop();
    await plane?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('no acknowledged notice is missing, repeated bills count once, events and sums agree', async () => {
    expect(new Set(acknowledged.map(({ kind }) => kind))).toEqual(new Set(['win', 'bill', 'loss']));
    const { body } = await plane.call<{ broken: unknown[]; orphans: number }>('GET', '/api/v1/lake/reconciliation');
    expect(body).toMatchObject({ broken: [], orphans: 0 });
    const bills = new Set(acknowledged.filter(({ kind }) => kind === 'bill').map(({ decisionId }) => decisionId));
    expect(body).toMatchObject({ outcomes: { bill: bills.size } });
  });

  test('logged decisions are decided again to the same bytes from copies without outputs', async () => {
    const exported = await plane.app.inject({
      method: 'POST',
      url: '/api/v1/decisions/export',
      headers: { authorization: `Bearer ${plane.token('vera')}` },
      payload: { limit: 1000 },
    });
    const lines = exported.body.trim().split('\n');
    records = lines.map((line) => JSON.parse(line) as DecisionRecord);
    expect(records.length).toBeGreaterThanOrEqual(1000);
    const bids = records.filter(({ outputs }) => outputs.noBidReason === null);
    expect(bids.length).toBeGreaterThan(200);
    expect(bids.filter(({ outputs }) => outputs.agents?.bid.mode === 'model').length).toBeGreaterThan(bids.length / 2);
    const answers = await replayed(records);
    const differences = answers.flatMap((outputs, at) => firstDifference(records[at]!.outputs, outputs) ?? []);
    expect(differences).toEqual([]);
    expect(answers.every((outputs, at) => canonicalJson(outputs) === canonicalJson(records[at]!.outputs))).toBe(true);
  });

  const replayed = async (copies: DecisionRecord[], artifacts?: Record<string, string>): Promise<DecisionOutputs[]> => {
    const withheld = copies.map(({ outputs: _outputs, ...copy }) => copy);
    const body = { records: withheld, ...(artifacts && { artifacts }) };
    const answer = await plane.call<{ outputs: { outputs: DecisionOutputs }[] }>('POST', '/api/v1/decisions/replay', {
      body,
    });
    expect(answer.status).toBe(200);
    return answer.body.outputs.map(({ outputs }) => outputs);
  };

  test('another floor, live feature, RNG counter or weight is named by the first output that differs', async () => {
    const some = records.filter(({ outputs }) => outputs.agents?.bid.mode === 'model').slice(0, 40);
    const wholeRequests = some.filter(({ inputs }) => inputs.request.impressions.length === 1);
    const pointers = async (change: (copy: DecisionRecord) => void, artifacts?: Record<string, string>) => {
      const copies = structuredClone(wholeRequests);
      copies.forEach(change);
      const answers = await replayed(copies, artifacts);
      return answers.flatMap((outputs, at) => firstDifference(wholeRequests[at]!.outputs, outputs)?.pointer ?? []);
    };
    expect(await pointers(() => undefined)).toEqual([]);
    const floor = ({ inputs }: DecisionRecord) => void (inputs.request.impressions[0]!.floorMicros += 90_000);
    expect((await pointers(floor)).length).toBeGreaterThan(0);
    const rate = ({ inputs }: DecisionRecord) => void (inputs.live.requestRate = inputs.live.requestRate * 4 + 400);
    expect((await pointers(rate)).length).toBeGreaterThan(0);
    expect((await pointers(({ inputs }) => void (inputs.rngCounter += 1))).length).toBeGreaterThan(0);
    const snapshot = await plane.call<{ champion: { bid: { artifact: { sha256: string } } } }>(
      'GET',
      `/api/v1/snapshots/${some[0]!.inputs.snapshotId}`,
    );
    const { sha256 } = snapshot.body.champion.bid.artifact;
    const model = decodeWinModelOnnx(await readFile(join(SHIPPED_DIR, 'artifacts', `${sha256}.onnx`)));
    model.b3[0]! += 0.05;
    const changed = Buffer.from(encodeWinModelOnnx(model)).toString('base64');
    expect((await pointers(() => undefined, { [sha256]: changed })).length).toBeGreaterThan(0);
  });

  test('a bid is explained with its outcomes, a request can be tried, and the bids freeze to a training window', async () => {
    const { decisionId } = acknowledged.find(({ kind }) => kind === 'bill')!;
    const explained = await plane.call<{ explain: string }>('GET', `/api/v1/decisions/${decisionId}`);
    expect(explained.body.explain).toMatch(/^Bid \d+\.\d\d USD CPM .* won at \d+\.\d\d USD CPM and billed/);
    const tried = await plane.call<{ decisions: { explain: string }[] }>('POST', '/api/v1/decisions/try', {
      body: { exchange: 'demo', request: bidRequest(-2) },
    });
    expect([tried.status, tried.body.decisions[0]?.explain]).toEqual([200, expect.stringMatching(/^(Bid|No bid)/)]);
    const windows = plane.app.get(WindowService);
    const window = await windows.freeze({ fromMs: Date.now() - 600_000, toMs: Date.now(), maturityMs: 0 });
    const won = new Set(acknowledged.filter(({ kind }) => kind !== 'loss').map((notice) => notice.decisionId));
    expect(window.wins).toBe(won.size);
    expect(await windows.winRows(window.windowId)).toHaveLength(window.rows);
    const status = await plane.call<{ lastBids: unknown[] }>('GET', '/api/v1/status');
    expect(status.body.lastBids).toHaveLength(10);
  });
});

import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EdgeEvent } from '#domain/contracts/segment';
import { sampleEvents } from '#domain/lake/sample-events';
import { createApplication, type Application } from '../../apps/control-plane/src/application';
import { ControlPlaneConfig } from '../../apps/control-plane/src/config';
import { migrate } from '../../apps/control-plane/src/database/migrate';
import { ensureKeys } from '../../scripts/setup/keys';
import { freshDatabase, temporalAddress } from '../servers';
import { draws, segmentOf } from './open-lake';

const traffic = { startMs: Date.now() - 60_000, requestsPerSecond: 20, rng: draws(3) };
const all = [...sampleEvents(traffic, 120)];
const events = all.flatMap(({ decision, outcomes }): EdgeEvent[] => [decision, ...outcomes]);

describe('the lake over HTTP', () => {
  let application: Application;
  let home: string;
  let edgeToken: string;
  let viewerToken: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'adloop-lake-api-'));
    await mkdir(join(home, 'keys'));
    const keys = ensureKeys(join(home, 'keys'));
    edgeToken = (await readFile(keys.edgeTokenFile, 'utf8')).trim();
    viewerToken = keys.tokens.find(({ role }) => role === 'viewer')!.token;
    const databaseUrl = await freshDatabase();
    await migrate(databaseUrl);
    application = await createApplication(
      ControlPlaneConfig.read({
        DATABASE_URL: databaseUrl,
        ADLOOP_HOME: home,
        TEMPORAL_ADDRESS: temporalAddress(),
        LOG_LEVEL: 'silent',
      }),
    );
  });
  afterAll(async () => {
    await application?.app.close();
    await rm(home, { recursive: true, force: true });
  });

  const put = (segmentId: string, body: Buffer, sha256: string, type = 'application/octet-stream') =>
    application.app.inject({
      method: 'PUT',
      url: `/edge/v1/segments/edge-1/${segmentId}`,
      headers: { authorization: `Bearer ${edgeToken}`, 'content-type': type, 'x-content-sha256': sha256 },
      payload: body,
    });
  const call = (method: 'GET' | 'POST', path: string, payload?: object) =>
    application.app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { authorization: `Bearer ${viewerToken}` },
      ...(payload && { payload }),
    });

  test('takes segments of edges alone and says what is wrong with a bad one', async () => {
    const { bytes, sha256 } = segmentOf(events);
    const anonymous = await application.app.inject({
      method: 'PUT',
      url: '/edge/v1/segments/edge-1/a',
      headers: { 'content-type': 'application/octet-stream' },
      payload: bytes,
    });
    expect(anonymous.statusCode).toBe(401);
    expect((await put('boot-000001', bytes, sha256)).json()).toEqual({ status: 'ingested', events: events.length });
    expect((await put('boot-000001', bytes, sha256)).json()).toEqual({ status: 'duplicate', events: events.length });
    const other = segmentOf(events.slice(1));
    const conflict = await put('boot-000001', other.bytes, other.sha256);
    expect([conflict.statusCode, conflict.json<{ code: string }>().code]).toEqual([409, 'conflict']);
    const torn = await put('boot-000002', bytes.subarray(0, 100), sha256);
    expect([torn.statusCode, torn.json<{ code: string }>().code]).toEqual([422, 'invalid-segment']);
    expect((await put('..%2Fescape', bytes, sha256)).statusCode).toBe(422);
    expect((await put('boot-000003', Buffer.alloc((8 << 20) + 1), sha256)).statusCode).toBe(413);
    expect((await put('boot-000004', bytes, sha256, 'application/xml')).statusCode).toBe(415);
  });

  test('lists recent bids by pages, explains one, and knows what it does not know', async () => {
    const bids = all.filter(({ decision }) => decision.outputs.noBidReason === null).length;
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const answer = await call('GET', `/bids/recent?limit=50${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(answer.statusCode).toBe(200);
      const page: { items: { decisionId: string }[]; nextCursor: string | null } = answer.json();
      seen.push(...page.items.map(({ decisionId }) => decisionId));
      cursor = page.nextCursor;
    }
    expect([seen.length, new Set(seen).size]).toEqual([bids, bids]);
    const explained = (await call('GET', `/decisions/${seen[0]}`)).json<{ explain: string; record: object }>();
    expect(explained.explain).toMatch(/^Bid \d+\.\d\d USD CPM for campaign/);
    expect(explained.record).toEqual(all.find(({ decision }) => decision.decisionId === seen[0])!.decision);
    expect((await call('GET', '/decisions/none')).statusCode).toBe(404);
    expect((await call('GET', '/bids/recent?limit=500')).statusCode).toBe(422);
  });

  test('exports whole requests as JSON lines; replay refuses what it cannot know', async () => {
    const answer = await call('POST', '/decisions/export', { limit: 40 });
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    const lines = answer.body.trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(40);
    const records = lines.map((line) => JSON.parse(line) as { decisionId: string; inputs: object; edgeId: string });
    const replay = await call('POST', '/decisions/replay', { records });
    expect([replay.statusCode, replay.json<{ code: string }>().code]).toEqual([404, 'not-found']);
    const broken = await call('POST', '/decisions/replay', { records: [{ decisionId: 'x', edgeId: 'e', inputs: {} }] });
    expect(broken.statusCode).toBe(422);
    expect((await call('POST', '/decisions/try', { exchange: 'demo', request: {} })).statusCode).toBe(503);
  });

  test('reconciles events with sums', async () => {
    const answer = await call('GET', '/lake/reconciliation');
    expect(answer.json()).toMatchObject({
      broken: [],
      orphans: 0,
      kpi: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });
});

import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startDuties } from '../../apps/control-plane/src/application';
import { migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import type { Exchange, ExchangeInput } from '../../domain/contracts/exchange';
import type { PolicySnapshot } from '../../domain/contracts/policy-snapshot';
import type { Signed } from '../../domain/contracts/signed';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { bannerRequest } from '../fixtures/edge-traffic';
import { temporaryFolder } from '../fixtures/local-edge';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

const INPUT: ExchangeInput = {
  auctionType: 2,
  currency: 'USD',
  networkAllowanceMs: 15,
  defaultTmaxMs: 100,
  priceEncoding: 'plain',
  seat: 'seat-7',
  disclosesMinToWin: false,
  billableEvent: 'nurl',
};

interface Refusal {
  code: string;
  errors?: { pointer: string; code: string }[];
}

describe('settings of exchanges on a real control plane and a real edge', () => {
  const folder = temporaryFolder('exchanges');
  let plane: ControlPlaneHarness;
  let cli: CliRunner;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await startDuties(plane.app);
    cli = await CliRunner.over(plane);
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const put = <T = Exchange>(name: string, body: unknown, headers: Record<string, string>, as = 'adam') =>
    plane.call<T>('PUT', `/api/v1/exchanges/${name}`, { as, body, headers });
  const served = async (): Promise<PolicySnapshot['exchanges']> => {
    const { body } = await plane.call<Signed>('GET', '/edge/v1/snapshot?waitMs=0', { as: 'edge' });
    return (JSON.parse(body.payload) as PolicySnapshot).exchanges;
  };

  test('those of the shipped snapshot are there, in version 1, and anyone may read them', async () => {
    const { body } = await plane.call<{ items: Exchange[] }>('GET', '/api/v1/exchanges', { as: 'vera' });
    expect(body.items.map(({ exchange, version }) => [exchange, version])).toEqual([
      ['demo', 1],
      ['demo2', 1],
    ]);
    const one = await plane.call<Exchange>('GET', '/api/v1/exchanges/demo', { as: 'vera' });
    expect(one).toMatchObject({ status: 200, headers: { etag: '"1"' }, body: { exchange: 'demo', seat: 'adloop' } });
    expect((await plane.call('GET', '/api/v1/exchanges/none', { as: 'vera' })).status).toBe(404);
  });

  test('adding and changing needs a condition that holds; each is in the next snapshot and in the audit', async () => {
    expect(await put<Refusal>('north', INPUT, {})).toMatchObject({ status: 428, body: { code: 'version-required' } });
    expect(await put<Refusal>('north', INPUT, { 'if-match': '*' })).toMatchObject({ status: 404 });
    expect(await put('north', INPUT, { 'if-none-match': '*' })).toMatchObject({
      status: 200,
      headers: { etag: '"1"' },
      body: { ...INPUT, exchange: 'north', version: 1 },
    });
    expect((await served()).north).toEqual({ ...INPUT, exchange: 'north' });
    expect(await put<Refusal>('north', INPUT, { 'if-none-match': '*' })).toMatchObject({
      status: 412,
      headers: { etag: '"1"' },
      body: { code: 'stale-version' },
    });
    expect(await put('north', { ...INPUT, seat: 'seat-8' }, { 'if-match': '"1"' })).toMatchObject({
      body: { version: 2 },
    });
    expect(await put<Refusal>('north', INPUT, { 'if-match': '"1"' })).toMatchObject({ status: 412 });
    expect((await served()).north?.seat).toBe('seat-8');
    const rows = await plane.database.query(
      `SELECT actor FROM access_audit WHERE method = 'PUT' AND path LIKE '%/exchanges/north' AND actor = 'adam'`,
    );
    expect((rows as unknown[]).length).toBeGreaterThanOrEqual(2);
  });

  test('two who change the same version at once: one wins', async () => {
    const answers = await Promise.all(
      ['a', 'b', 'c'].map((seat) => put('demo2', { ...INPUT, seat }, { 'if-match': '"1"' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    const added = await Promise.all(
      ['a', 'b'].map((seat) => put('race', { ...INPUT, seat }, { 'if-none-match': '*' })),
    );
    expect(added.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['a currency without a rate', { currency: 'XTS' }, '/currency'],
    ['a currency in lower case', { currency: 'usd' }, '/currency'],
    ['an allowance that leaves no time', { networkAllowanceMs: 100 }, '/networkAllowanceMs'],
    ['encrypted prices without a key', { priceEncoding: 'hmac-sha1' }, '/priceKeyId'],
    ['a key for plain prices', { priceKeyId: 'k' }, '/priceKeyId'],
    ['an encoding that nobody has', { priceEncoding: 'rot13' }, '/priceEncoding'],
    ['a member that nobody knows', { colour: 'red' }, '/colour'],
    ['a name in the body', { exchange: 'other' }, '/exchange'],
  ])('%s is refused, and where', async (_what, over, pointer) => {
    const { status, body } = await put<Refusal>('demo', { ...INPUT, ...over }, { 'if-match': '*' });
    expect(status).toBe(422);
    expect(body.errors?.map((fault) => fault.pointer)).toEqual([pointer]);
    expect((await served()).demo?.seat).toBe('adloop');
  });

  test('a name that cannot stand in a path, and a role that may not', async () => {
    expect((await put('North%20Pole', INPUT, { 'if-none-match': '*' })).status).toBe(422);
    expect((await put('demo', INPUT, { 'if-match': '*' }, 'mila')).status).toBe(403);
    expect((await put('demo', INPUT, { 'if-match': '*' }, 'vera')).status).toBe(403);
  });

  test('the command line changes what is named and leaves the rest, adds, and says what is wrong', async () => {
    const before = await cli.json<Exchange>('exchange', 'show', 'demo', '-o', 'json');
    const changed = await cli.json<Exchange>(
      'exchange',
      'set',
      'demo',
      '--gvl-vendor-id',
      '755',
      '--seat-non-bid',
      'always',
      '-o',
      'json',
    );
    expect(changed).toEqual({ ...before, version: before.version + 1, gvlVendorId: 755, seatNonBid: 'always' });
    expect((await cli.run('exchange', 'set', 'west', '--seat', 'w')).out).toContain('west is in version 1');
    const file = path.join(folder, 'west.json');
    writeFileSync(file, JSON.stringify({ ...INPUT, seat: 'from a file' }));
    expect((await cli.run('exchange', 'set', 'west', '--file', file)).code).toBe(0);
    expect((await served()).west?.seat).toBe('from a file');
    const { out } = await cli.run('exchange', 'list');
    expect(out).toMatch(/west +2 +from a file/);
    expect(await cli.run('exchange', 'set', 'demo', '--price-encoding', 'hmac-sha1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('/priceKeyId') as string,
    });
    expect(await cli.run('exchange', 'set', 'demo', '--default-tmax-ms', 'soon')).toMatchObject({ code: 2 });
    expect((await cli.run('exchange', 'show', 'nobody')).code).toBe(3);
  });

  test('a real edge bids on an exchange as soon as it has been added, and as it was told', async () => {
    const { keys } = plane;
    const edge = new EdgeProcess(path.join(folder, 'edge'), {
      CONTROL_PLANE_URL: await plane.app.getUrl(),
      EDGE_TOKEN_FILE: keys.edgeTokenFile,
      SNAPSHOT_KEYS_DIR: keys.snapshotPublic,
      NOTICE_KEY_FILE: keys.noticeKeyFile,
      USER_HASH_KEY_FILE: keys.userHashKeyFile,
    });
    await edge.start();
    try {
      const ask = () =>
        fetch(`${edge.url}/openrtb2/east`, { method: 'POST', body: JSON.stringify(bannerRequest('east')) });
      await waitFor(async () => (await ask()).status === 404);
      await cli.run('exchange', 'set', 'east', '--seat', 'seat-east', '--billable-event', 'nurl');
      await waitFor(async () => (await ask()).status === 200);
      const answer = (await (await ask()).json()) as { seatbid: { seat: string; bid: { burl?: string }[] }[] };
      expect(answer.seatbid[0]).toMatchObject({ seat: 'seat-east' });
      expect(answer.seatbid[0]?.bid[0]?.burl).toBeUndefined();
      await cli.run('exchange', 'set', 'east', '--price-encoding', 'hmac-sha1', '--price-key-id', 'not-here');
      await waitFor(async () => (await ask()).status === 204);
      expect(await edge.metric('adloop_edge_no_bids_total{stage="receive",reason="price-unreadable"}')).toBeGreaterThan(
        0,
      );
    } finally {
      await edge.end('SIGKILL');
    }
  });

  test('going back a migration and forth again keeps every exchange', async () => {
    const source = await migrationDataSource(plane.config.databaseUrl).initialize();
    try {
      const before = await served();
      const isThere = async (): Promise<boolean> => {
        const rows = (await source.query("SELECT 1 FROM migrations WHERE name LIKE 'exchange-settings-%'")) as object[];
        return rows.length > 0;
      };
      while (await isThere()) await source.undoLastMigration();
      const [{ exchanges }] = (await source.query('SELECT exchanges FROM cell_setting')) as [{ exchanges: object }];
      expect(exchanges).toEqual(before);
      await source.runMigrations();
      expect(await source.query('SELECT count(*)::int AS n FROM exchange_setting')).toEqual([
        { n: Object.keys(before).length },
      ]);
    } finally {
      await source.destroy();
    }
  });
});

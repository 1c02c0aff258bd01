import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DecisionRecord } from '#domain/contracts';
import { waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { ask, bannerRequest, notify, type SeenBid } from '../fixtures/edge-traffic';
import { RedisServer } from '../fixtures/redis-server';
import { temporaryFolder } from '../fixtures/local-edge';

const PASSWORD = 'correct horse';
/** Of each lookup, by default 2 ms; a test is told apart from luck by one that is longer. */
const LIMIT_MS = 10;
/** What a machine of two cores, beside other work, may add to a timer. */
const SLACK_MS = 190;

describe('an edge whose histories are in Redis', () => {
  const folder = temporaryFolder('edge-redis');
  let server: RedisServer;
  let scene: EdgeScene;

  const openScene = (passwordFile: string, url = server.url): Promise<EdgeScene> =>
    EdgeScene.open('redis', {
      env: {
        ...{ EDGE_REDIS_URL: url, EDGE_REDIS_PASSWORD_FILE: passwordFile, EDGE_REDIS_TIMEOUT_MS: String(LIMIT_MS) },
      },
    });
  const written = (words: string): string => {
    const file = join(folder, `${words.length}.password`);
    writeFileSync(file, `${words}\n`);
    return file;
  };
  const bill = async (bid: SeenBid): Promise<void> =>
    expect((await notify(bid.burl, { price: bid.price / 2 })).status).toBe(200);
  const recordOf = async (of: EdgeScene, bid: SeenBid): Promise<DecisionRecord> => {
    const find = (): DecisionRecord | undefined => of.decisions().find(({ decisionId }) => decisionId === bid.id);
    await waitFor(() => find() !== undefined);
    return find() as DecisionRecord;
  };
  const pastOf = async (of: EdgeScene, bid: SeenBid) => (await recordOf(of, bid)).inputs.userFeatures;
  const isUp = async (): Promise<boolean> => (await scene.edge.metric('adloop_edge_redis_up')) === 1;
  const isWritten = async (): Promise<boolean> => (await scene.edge.metric('adloop_edge_user_history_backlog')) === 0;
  const lookups = (result: string): Promise<number> =>
    scene.edge.metric(`adloop_edge_user_histories_total{result="${result}"}`);

  /** Bids until the store answers again. */
  const seen = async (user: string): Promise<number | undefined> => {
    const past = await pastOf(scene, await scene.bidFor(user));
    return past?.values?.exposures7d;
  };

  beforeAll(async () => {
    server = await RedisServer.open(PASSWORD);
    scene = await openScene(written(PASSWORD));
    await waitFor(isUp);
  });
  afterAll(async () => {
    await scene.close();
    await server.close();
  });

  it('writes what was billed and clicked, and knows it at the next bid', async () => {
    const bid = await scene.bidFor('one');
    expect((await pastOf(scene, bid))?.scope).toBe('fleet');
    await bill(bid);
    await bill(bid);
    await notify((/https?:[^"]*\/n\/click\?t=[^"&]*/.exec(bid.adm) as RegExpExecArray)[0]);
    await waitFor(isWritten);
    await waitFor(async () => (await seen('one')) === 1);
    const { userFeatures } = (await recordOf(scene, await scene.bidFor('one'))).inputs;
    expect(userFeatures).toMatchObject({ state: 'known', values: { exposures10m: 1, clicksSinceExposure: 1 } });
  });

  it('keeps nothing of a bid without a user', async () => {
    const bid = await ask(scene.edge.url, bannerRequest('', { user: undefined }));
    expect(bid).not.toBeNull();
    expect(await pastOf(scene, bid as SeenBid)).toEqual({ state: 'not-allowed', scope: 'fleet', values: null });
    const before = await scene.edge.metric('adloop_edge_user_history_writes_total{result="written"}');
    await bill(bid as SeenBid);
    expect(await scene.edge.metric('adloop_edge_user_history_writes_total{result="written"}')).toBe(before);
    expect(await isWritten()).toBe(true);
  });

  it('goes on bidding while the server stands still: a lookup costs its limit, then none is sent; what happened is written when it wakes', async () => {
    const known = await lookups('known');
    server.pause();
    const bids: SeenBid[] = [];
    let slowestMs = 0;
    for (let n = 0; n < 200; n += 1) {
      const startedMs = performance.now();
      bids.push(await scene.bidFor('two'));
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
    for (const bid of bids.slice(0, 3)) await bill(bid);
    expect(slowestMs).toBeLessThan(LIMIT_MS + SLACK_MS);
    expect(await lookups('known')).toBe(known);
    // Five in a row open the breaker; then one tries each second.
    expect(await lookups('late')).toBeGreaterThanOrEqual(5);
    expect(await lookups('late')).toBeLessThan(20);
    expect(await lookups('unreachable')).toBeGreaterThan(150);
    const states = await Promise.all(bids.map((bid) => pastOf(scene, bid)));
    for (const past of states) expect(past).toMatchObject({ scope: 'fleet', values: null });
    server.resume();
    await waitFor(async () => (await seen('two')) === 3);
  });

  it('gives up a connection that stands still, and comes back when the server does', async () => {
    server.pause();
    await scene.bidFor('three');
    await waitFor(async () => (await scene.edge.metric('adloop_edge_redis_faults_total{code="STALLED"}')) > 0, 20_000);
    expect(await isUp()).toBe(false);
    expect(await pastOf(scene, await scene.bidFor('three'))).toMatchObject({ state: 'unreachable' });
    server.resume();
    await waitFor(isUp, 20_000);
    await waitFor(async () => (await seen('three')) === 0);
  });

  it('goes on bidding without the server, and writes to the next one what happened meanwhile', async () => {
    await server.kill();
    await waitFor(async () => !(await isUp()));
    const bid = await scene.bidFor('four');
    expect(await pastOf(scene, bid)).toEqual({ state: 'unreachable', scope: 'fleet', values: null });
    await bill(bid);
    expect(await scene.edge.metric('adloop_edge_user_history_backlog')).toBe(1);
    await server.start();
    await waitFor(isUp, 20_000);
    await waitFor(async () => (await seen('four')) === 1);
    expect(await scene.edge.metric('adloop_edge_user_history_writes_total{result="dropped"}')).toBe(0);
    expect(scene.edge.output).not.toMatch(/internal error|unhandled/i);
  });

  it('bids with a wrong password and says so; likewise where nobody listens', async () => {
    const nowhere = 'redis://127.0.0.1:9';
    for (const [file, url, code] of [
      [written('wrong'), server.url, 'WRONGPASS'],
      [written(PASSWORD), nowhere, 'ECONNREFUSED'],
    ] as const) {
      const other = await openScene(file, url);
      try {
        const bid = await other.bidFor('five');
        expect(await pastOf(other, bid)).toMatchObject({ state: 'unreachable', values: null });
        await waitFor(async () => (await other.edge.metric(`adloop_edge_redis_faults_total{code="${code}"}`)) > 0);
        expect(await other.edge.metric('adloop_edge_redis_up')).toBe(0);
        expect(other.edge.output).not.toContain(PASSWORD);
        expect((await other.edge.end('SIGTERM')).code).toBe(0);
      } finally {
        await other.close();
      }
    }
  });
});

import { waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { notify } from '../fixtures/edge-traffic';
import { RedisServer } from '../fixtures/redis-server';

const THREADS = 2;
/** Which thread named a decision: each takes every second number. */
const threadOf = (decisionId: string): number => Number.parseInt(decisionId.split('-').at(-1) ?? '', 36) % THREADS;

describe.each(['shared memory', 'Redis'])('two bidding threads whose histories are in %s', (where) => {
  let server: RedisServer | null = null;
  let scene: EdgeScene;

  beforeAll(async () => {
    if (where === 'Redis') server = await RedisServer.open();
    const redis: Record<string, string> =
      server === null ? {} : { EDGE_REDIS_URL: server.url, EDGE_REDIS_TIMEOUT_MS: '500' };
    scene = await EdgeScene.open('threads-histories', { env: { EDGE_THREADS: String(THREADS), ...redis } });
  });
  afterAll(async () => {
    await scene.close();
    await server?.close();
  });

  it('both know what was billed on the one that keeps the books', async () => {
    const bid = await scene.bidFor('one');
    expect((await notify(bid.burl, { price: bid.price / 2 })).status).toBe(200);
    const knowing = new Set<number>();
    await waitFor(async () => {
      await Promise.all(Array.from({ length: 20 }, () => scene.bidFor('one')));
      for (const { decisionId, inputs } of scene.decisions())
        if (inputs.userFeatures?.values?.exposures10m === 1) knowing.add(threadOf(decisionId));
      return knowing.size === THREADS;
    }, 20_000);
    expect(await scene.edge.metric('adloop_edge_user_histories_total{result="known"}')).toBeGreaterThan(0);
    const most = scene.decisions().map(({ inputs }) => inputs.userFeatures?.values?.exposures7d ?? 0);
    expect(Math.max(...most)).toBe(1);
  });
});

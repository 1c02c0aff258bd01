import { waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, notify } from '../fixtures/edge-traffic';
import { EdgeScene } from '../fixtures/edge-scene';

const FSYNC_MS = 5000;

/** Case 6: the disk under a real edge is slow, fails, fills up. */
describe('an edge whose disk misbehaves', () => {
  let scene: EdgeScene;

  beforeAll(async () => (scene = await EdgeScene.open('edge-disk')));
  afterAll(() => scene.close());

  it('bids on while each fsync takes five seconds, and answers notices when the disk has them', async () => {
    const bid = await scene.bidFor('slow');
    await scene.faults.set({ fsyncMs: FSYNC_MS });
    // Two commits are on their way: nothing of what follows can be on disk before they are through.
    const startedMs = Date.now();
    const notice = notify(bid.burl, { price: bid.price });
    let slowestMs = 0;
    let bids = 0;
    let isAnswered = false;
    const answered = notice.then((response) => {
      isAnswered = true;
      return { status: response.status, ms: Date.now() - startedMs };
    });
    while (!isAnswered) {
      const askedMs = Date.now();
      if ((await ask(scene.edge.url, bannerRequest(`slow-${bids}`))) !== null) bids += 1;
      slowestMs = Math.max(slowestMs, Date.now() - askedMs);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { status, ms } = await answered;
    expect(status).toBe(200);
    expect(ms).toBeGreaterThan(FSYNC_MS - 500);
    expect(bids).toBeGreaterThan(50);
    // No bid waited for a disk.
    expect(slowestMs).toBeLessThan(FSYNC_MS / 2);
    await scene.faults.set({});
  });

  it.each(['EIO', 'ENOSPC'] as const)(
    'stops bidding on %s, acknowledges nothing, and goes on by itself',
    async (disk) => {
      const { edge, faults } = scene;
      const bid = await scene.bidFor(disk);
      const before = await scene.budget('spent');
      await faults.set({ disk });
      const refused = await notify(bid.burl, { price: bid.price });
      expect(refused.status).toBe(503);
      expect(await edge.metric(`adloop_edge_outbox_faults_total{code="${disk}"}`)).toBeGreaterThan(0);
      expect(await ask(edge.url, bannerRequest('closed'))).toBeNull();
      expect((await fetch(`${edge.url}/readyz`)).status).toBe(503);
      expect(await edge.metric('adloop_edge_no_bids_total{stage="receive",reason="outbox-full"}')).toBeGreaterThan(0);
      await faults.set({});
      await waitFor(async () => (await ask(edge.url, bannerRequest('open again'))) !== null);
      expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
      expect((await scene.budget('spent')) - before).toBe(Math.round(bid.price * 1e6));
      await waitFor(() => scene.outcomesOf(bid.id).length > 0);
      expect(scene.outcomesOf(bid.id).map(({ kind }) => kind)).toEqual(['bill']);
    },
  );

  it('has whole frames only on its disk after a write that fitted by half', async () => {
    const bid = await scene.bidFor('torn');
    await scene.faults.set({ disk: 'ENOSPC' });
    expect((await notify(bid.burl, { price: bid.price })).status).toBe(503);
    await scene.edge.end('SIGKILL');
    scene.faults.write({});
    await scene.edge.start();
    // Nobody was told that the notice was taken; told again, it is.
    expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
    await waitFor(() => scene.outcomesOf(bid.id).length > 0);
    expect(new Set(scene.outcomesOf(bid.id).map(({ outcomeId }) => outcomeId))).toEqual(new Set([`${bid.id}:bill`]));
  });
});

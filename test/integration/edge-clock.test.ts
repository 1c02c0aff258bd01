import { waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor, notify } from '../fixtures/edge-traffic';
import { EdgeScene } from '../fixtures/edge-scene';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Case 5: the wall clock of a real edge is set while it bids. */
describe('an edge whose clock is set', () => {
  let scene: EdgeScene;

  beforeAll(
    async () =>
      (scene = await EdgeScene.open('edge-clock', {
        env: { EDGE_RESERVATION_TTL_MS: '1500', EDGE_TOKEN_TTL_MS: String(2 * HOUR_MS) },
      })),
  );
  afterAll(() => scene.close());

  const setBy = async (clockMs: number): Promise<void> => {
    const steps = async (): Promise<number> =>
      (await scene.edge.metric('adloop_edge_clock_steps_total{direction="forward"}')) +
      (await scene.edge.metric('adloop_edge_clock_steps_total{direction="back"}'));
    const before = await steps();
    await scene.faults.set({ clockMs });
    await waitFor(async () => (await steps()) > before);
  };
  const openReservations = (): Promise<number> => scene.edge.metric('adloop_edge_open_reservations');

  it.each([
    ['an hour forward', HOUR_MS],
    ['an hour back', -HOUR_MS],
    ['a day forward', DAY_MS],
    ['a day back', -DAY_MS],
  ])('goes on within its leases %s, and there and back counts every bill once', async (_what, clockMs) => {
    const { edge } = scene;
    const paid = await scene.bidFor(`paid ${_what}`);
    const owed = await scene.bidFor(`owed ${_what}`);
    const before = (await scene.budget('spent')) + (await scene.budget('late'));
    expect((await notify(paid.burl, { price: paid.price })).status).toBe(200);
    await setBy(clockMs);
    expect(await ask(edge.url, bannerRequest(`bids ${_what}`))).not.toBeNull();
    // Every reservation ends after its time to live, neither at once nor an hour late.
    await waitFor(() => openReservations().then((open) => open === 0));
    await setBy(0);
    expect(await (await notify(paid.burl, { price: paid.price })).json()).toEqual({ status: 'duplicate' });
    expect(await (await notify(owed.burl, { price: owed.price })).json()).toEqual({ status: 'accepted' });
    expect(await (await notify(owed.burl, { price: owed.price })).json()).toEqual({ status: 'duplicate' });
    const spent = (await scene.budget('spent')) + (await scene.budget('late')) - before;
    expect(spent).toBe(Math.round(paid.price * 1e6) + Math.round(owed.price * 1e6));
    const beats = scene.control.heartbeats.length;
    await waitFor(() => scene.control.heartbeats.length > beats + 1);
    for (const { reservedNanos, spentNanos, freeNanos, returnedNanos } of scene.control.heartbeats.at(-1)?.grants ?? [])
      expect(reservedNanos + spentNanos + freeNanos + returnedNanos).toBe(1e12);
  });

  it.each([
    ['slow', -HOUR_MS],
    ['fast', HOUR_MS],
  ])(
    'with a clock an hour %s uses a grant as long as the grantor means, not longer and not shorter',
    async (name, clockMs) => {
      const { control, edge, snapshot } = scene;
      await setBy(clockMs);
      control.grants = [];
      await edge.end('SIGTERM');
      scene.faults.write({ clockMs });
      control.grants = grantsFor(snapshot, 1e9, { expiresAtMs: Date.now() + 6000 }).map((grant) => ({
        ...grant,
        grantId: `${name}-${grant.grantId}`,
      }));
      await edge.start();
      await waitFor(async () => (await ask(edge.url, bannerRequest(`alive ${name}`))) !== null, 5000);
      await waitFor(async () => (await ask(edge.url, bannerRequest(`over ${name}`))) === null, 10_000);
      await setBy(0);
    },
  );
});

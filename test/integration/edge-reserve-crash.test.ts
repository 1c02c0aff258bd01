import type { GrantReport } from '#domain/contracts';
import { waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { ask, bannerRequest, grantsFor, notify } from '../fixtures/edge-traffic';

const GRANT_NANOS = 1e9;
const RESERVATION_TTL_MS = 3000;
const ROUNDS = 2;

/** Not compressed: the fault looks for a bid in what is written. */
const askInPlain = (url: string, user: string): Promise<Response> =>
  fetch(`${url}/openrtb2/demo`, {
    method: 'POST',
    headers: { 'accept-encoding': 'identity' },
    body: JSON.stringify(bannerRequest(user)),
  });

/** Case 17: the process dies after it has reserved and before the exchange hears of a bid. */
describe('an edge that dies between reserving and replying', () => {
  let scene: EdgeScene;

  beforeAll(
    async () =>
      (scene = await EdgeScene.open('edge-reserve-crash', {
        grantNanos: GRANT_NANOS,
        env: { EDGE_RESERVATION_TTL_MS: String(RESERVATION_TTL_MS) },
      })),
  );
  afterAll(() => scene.close());

  async function lastReports(): Promise<GrantReport[]> {
    const beats = scene.control.heartbeats.length;
    await waitFor(() => scene.control.heartbeats.length > beats + 1);
    return scene.control.heartbeats.at(-1)?.grants ?? [];
  }

  it('has promised nothing: budget and books are whole, and what was held comes back', async () => {
    const { control, edge, faults, snapshot } = scene;
    for (let round = 0; round < ROUNDS; round += 1) {
      const bid = await scene.bidFor(`paid-${round}`);
      expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
      await faults.set({ diesBeforeBid: true });
      await expect(askInPlain(edge.url, `dies-${round}`)).rejects.toThrow();
      await edge.end('SIGKILL');
      faults.write({});
      await edge.start();
      // The bill that was acknowledged before is known; nothing of the open leases is free until the dead bids can no longer bill.
      expect(await (await notify(bid.burl, { price: bid.price })).json()).toEqual({ status: 'duplicate' });
      for (const report of await lastReports()) {
        const { reservedNanos, spentNanos, freeNanos, returnedNanos } = report;
        expect(reservedNanos + spentNanos + freeNanos + returnedNanos).toBe(GRANT_NANOS);
        expect(Math.min(reservedNanos, spentNanos, freeNanos, returnedNanos)).toBeGreaterThanOrEqual(0);
      }
      await waitFor(
        () => (control.heartbeats.at(-1)?.grants ?? []).every((grant) => grant.reservedNanos === 0),
        RESERVATION_TTL_MS + 10_000,
      );
      control.grants = grantsFor(snapshot, GRANT_NANOS).map((grant) => ({
        ...grant,
        grantId: `${grant.grantId}-${round}`,
      }));
      await waitFor(() =>
        (control.heartbeats.at(-1)?.grants ?? []).some(({ grantId }) => grantId.endsWith(`-${round}`)),
      );
      await waitFor(async () => (await ask(edge.url, bannerRequest(`again-${round}`))) !== null);
    }
    const bills = scene.outcomes().filter(({ kind }) => kind === 'bill');
    expect(new Set(bills.map(({ outcomeId }) => outcomeId)).size).toBe(ROUNDS);
  });
});

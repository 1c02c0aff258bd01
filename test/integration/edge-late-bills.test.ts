import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startDuties } from '../../apps/control-plane/src/application';
import { BudgetLedger } from '../../apps/control-plane/src/edges/budget-ledger.service';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, notify, type SeenBid } from '../fixtures/edge-traffic';
import { temporaryFolder } from '../fixtures/local-edge';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

/** A real edge and a real control plane: bills of campaigns that are over, and get no further grant. */
describe('bills that come when their campaign is over', () => {
  const folder = temporaryFolder('edge-late-bills');
  let plane: ControlPlaneHarness;
  let edge: EdgeProcess;
  const bids: SeenBid[] = [];

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await startDuties(plane.app);
    await plane.app.listen(0, '127.0.0.1');
    const { keys } = plane;
    edge = new EdgeProcess(join(folder, 'edge'), {
      CONTROL_PLANE_URL: (await plane.app.getUrl()).replace('[::1]', '127.0.0.1'),
      EDGE_TOKEN_FILE: keys.edgeTokenFile,
      SNAPSHOT_KEYS_DIR: keys.snapshotPublic,
      NOTICE_KEY_FILE: keys.noticeKeyFile,
      USER_HASH_KEY_FILE: keys.userHashKeyFile,
    });
    await edge.start();
    await waitFor(async () => (await ask(edge.url, bannerRequest('warm'))) !== null, 30_000);
  });
  afterAll(async () => {
    await edge?.end('SIGKILL');
    await plane?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const unbooked = (): Promise<number> => edge.metric('adloop_edge_budget_nanos{part="unbooked"}');

  async function endAllCampaigns(): Promise<void> {
    const { body } = await plane.call<{ items: { campaignId: string }[] }>('GET', '/api/v1/campaigns?limit=100');
    const ended = { startAt: '2026-01-01T00:00:00Z', endAt: '2026-01-02T00:00:00Z' };
    for (const { campaignId } of body.items) {
      const url = `/api/v1/campaigns/${campaignId}`;
      const { status } = await plane.call('PATCH', url, { body: ended, headers: { 'if-match': '*' } });
      expect(status).toBe(200);
    }
  }

  /** Per campaign: what exchanges charged, and what the books say of it. */
  async function books(): Promise<{ paid: number; late: number; spent: number }[]> {
    const ledger = plane.app.get(BudgetLedger, { strict: false });
    const paid = new Map<string, number>();
    for (const bid of bids) paid.set(bid.cid, (paid.get(bid.cid) ?? 0) + Math.round(bid.price * 1e6));
    return Promise.all(
      [...paid].map(async ([campaignId, nanos]) => {
        const { accounts, lateNanos } = await ledger.balances(campaignId);
        const spent = accounts.reduce(
          (sum, { kind, balanceNanos }) => sum + (kind === 'spent' ? Number(balanceNanos) : 0),
          0,
        );
        return { paid: nanos, late: Number(lateNanos), spent };
      }),
    );
  }

  it('reach the books once, whatever the edge goes through meanwhile', async () => {
    for (let n = 0; n < 12; n += 1) {
      const bid = await ask(edge.url, bannerRequest(`u${n}`));
      if (bid === null) continue;
      expect((await notify(bid.lurl, { price: bid.price, loss: 102 })).status).toBe(200);
      bids.push(bid);
    }
    expect(bids.length).toBeGreaterThan(0);
    expect((await edge.end('SIGTERM')).code).toBe(0);
    await endAllCampaigns();
    await edge.start();
    for (const bid of bids) expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
    await edge.end('SIGKILL');
    await edge.start();
    for (const bid of bids) expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
    await waitFor(async () => (await unbooked()) === 0);
    const first = await books();
    for (const { paid, late, spent } of first) expect([late, spent]).toEqual([paid, paid]);
    await edge.end('SIGKILL');
    await edge.start();
    await waitFor(() => edge.metric('adloop_edge_control_plane_reachable').then((value) => value === 1));
    for (const bid of bids) expect((await notify(bid.burl, { price: bid.price })).status).toBe(200);
    await waitFor(async () => (await unbooked()) === 0);
    expect(await books()).toEqual(first);
  });
});

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startDuties } from '../../apps/control-plane/src/application';
import { BudgetLedger } from '../../apps/control-plane/src/edges/budget-ledger.service';
import { CutLine } from '../fixtures/cut-line';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, notify } from '../fixtures/edge-traffic';
import { temporaryFolder } from '../fixtures/local-edge';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

const DAILY_MICROS = 5_000_000;
const NANOS_PER_MICRO = 1000;

/** Case 16: two real edges, one budget each campaign, a real control plane, and a line that is cut. */
describe('two edges on one budget, one of them cut off', () => {
  const folder = temporaryFolder('edge-partition');
  /** What exchanges were told 200 for, nanos by campaign. */
  const paid = new Map<string, number>();
  let plane: ControlPlaneHarness;
  let line: CutLine;
  let near: EdgeProcess;
  let far: EdgeProcess;
  let campaignIds: string[];

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await startDuties(plane.app);
    const { body } = await plane.call<{ items: { campaignId: string }[] }>('GET', '/api/v1/campaigns?limit=100');
    campaignIds = body.items.map(({ campaignId }) => campaignId);
    for (const campaignId of campaignIds)
      await plane.call('PATCH', `/api/v1/campaigns/${campaignId}`, {
        body: { dailyBudgetMicros: DAILY_MICROS },
        headers: { 'if-match': '*' },
      });
    await plane.app.listen(0, '127.0.0.1');
    const url = (await plane.app.getUrl()).replace('[::1]', '127.0.0.1');
    line = new CutLine(url);
    await line.open();
    near = start('near', url);
    far = start('far', line.url);
    for (const edge of [near, far]) {
      await edge.start();
      await waitFor(async () => (await ask(edge.url, bannerRequest('warm'))) !== null, 30_000);
    }
  });
  afterAll(async () => {
    await near?.end('SIGKILL');
    await far?.end('SIGKILL');
    await line?.close();
    await plane?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(name: string, controlPlaneUrl: string): EdgeProcess {
    const { keys } = plane;
    return new EdgeProcess(join(folder, name), {
      EDGE_ID: name,
      CONTROL_PLANE_URL: controlPlaneUrl,
      EDGE_TOKEN_FILE: keys.edgeTokenFile,
      SNAPSHOT_KEYS_DIR: keys.snapshotPublic,
      NOTICE_KEY_FILE: keys.noticeKeyFile,
      USER_HASH_KEY_FILE: keys.userHashKeyFile,
    });
  }

  /** Bids and bills at full price, as long as the edge bids; answers the bids. */
  async function spendOn(edge: EdgeProcess, name: string, requests: number): Promise<number> {
    let bids = 0;
    for (let n = 0; n < requests; n += 1) {
      const bid = await ask(edge.url, bannerRequest(`${name}-${n}`));
      if (bid === null) continue;
      bids += 1;
      if ((await notify(bid.burl, { price: bid.price })).status !== 200) continue;
      paid.set(bid.cid, (paid.get(bid.cid) ?? 0) + Math.round(bid.price * 1e6));
    }
    return bids;
  }

  /** Of one edge's leases, nanos. */
  async function leases(edge: EdgeProcess): Promise<{ spent: number; late: number; granted: number }> {
    const part = (name: string): Promise<number> => edge.metric(`adloop_edge_budget_nanos{part="${name}"}`);
    const [reserved, spent, free, returned, late] = await Promise.all(
      ['reserved', 'spent', 'free', 'returned', 'late'].map(part),
    );
    return { spent: spent!, late: late!, granted: reserved! + spent! + free! + returned! };
  }

  test('spend on within their leases, and together never more than the day; every charge is booked once', async () => {
    await Promise.all([spendOn(near, 'before', 100), spendOn(far, 'before', 100)]);
    line.cut();
    await waitFor(() => far.metric('adloop_edge_control_plane_reachable').then((value) => value === 0));
    const before = await leases(far);
    const [, alone] = await Promise.all([spendOn(near, 'near', 400), spendOn(far, 'far', 400)]);
    const during = await leases(far);
    expect(alone).toBeGreaterThan(0);
    // Cut off, it was given nothing, and it spent no more than it had.
    expect(during.granted).toBe(before.granted);
    expect(during.spent).toBeLessThanOrEqual(during.granted);
    expect(during.late).toBe(0);

    line.mend();
    await waitFor(() => far.metric('adloop_edge_control_plane_reachable').then((value) => value === 1));
    await Promise.all([spendOn(near, 'after', 150), spendOn(far, 'after', 150)]);
    for (const edge of [near, far]) expect((await edge.end('SIGTERM')).code).toBe(0);

    const ledger = plane.app.get(BudgetLedger, { strict: false });
    let exhausted = 0;
    for (const campaignId of campaignIds) {
      const { accounts, lateNanos } = await ledger.balances(campaignId);
      const booked = accounts.reduce(
        (sum, { kind, balanceNanos }) => sum + (kind === 'spent' ? Number(balanceNanos) : 0),
        0,
      );
      expect([campaignId, booked]).toEqual([campaignId, paid.get(campaignId) ?? 0]);
      expect(booked).toBeLessThanOrEqual(DAILY_MICROS * NANOS_PER_MICRO + Number(lateNanos));
      if (booked > 0.5 * DAILY_MICROS * NANOS_PER_MICRO) exhausted += 1;
    }
    expect([...paid.values()].reduce((sum, nanos) => sum + nanos, 0)).toBeGreaterThan(0);
    expect(exhausted).toBeGreaterThan(0);
  });
});

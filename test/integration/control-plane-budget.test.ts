import * as fc from 'fast-check';
import type { BudgetGrant, GrantReport, LateBill } from '../../domain/contracts/budget-lease';
import type { Campaign } from '../../domain/contracts/campaign';
import { CampaignRepository } from '../../apps/control-plane/src/campaigns/campaign.repository';
import {
  BudgetLedger,
  type LeaseAnswer,
  type LeaseRequest,
} from '../../apps/control-plane/src/edges/budget-ledger.service';
import { campaignInput, ControlPlaneHarness } from './control-plane-harness';

const FLAT = new Array<number>(168).fill(1 / 168);
const NOON = Date.parse('2026-06-01T12:00:00Z');

/** A report of a grant in which `spent` was paid and nothing else happened. */
const reportOf = (grant: BudgetGrant, spentNanos: number, overrides: Partial<GrantReport> = {}): GrantReport => ({
  grantId: grant.grantId,
  campaignId: grant.campaignId,
  arm: grant.arm,
  reservedNanos: 0,
  spentNanos,
  freeNanos: grant.amountNanos - spentNanos,
  returnedNanos: 0,
  lateNanos: 0,
  closed: false,
  ...overrides,
});

describe('budget ledger on a real Postgres', () => {
  let plane: ControlPlaneHarness;
  let ledger: BudgetLedger;
  let advertiserId: string;

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
    ledger = plane.app.get(BudgetLedger, { strict: false });
    const made = await plane.call<{ advertiserId: string }>('POST', '/api/v1/advertisers', {
      body: { name: 'Budget', domain: 'budget.example' },
    });
    advertiserId = made.body.advertiserId;
  });
  afterAll(() => plane.stop());

  async function newCampaign(overrides: Record<string, unknown> = {}): Promise<Campaign> {
    const body = campaignInput(advertiserId, { timeZone: 'UTC', ...overrides });
    const { body: made } = await plane.call<{ campaignId: string }>('POST', '/api/v1/campaigns', { body });
    return plane.app.get(CampaignRepository, { strict: false }).get(made.campaignId);
  }

  const lease = async (campaigns: Campaign[], overrides: Partial<LeaseRequest> = {}): Promise<BudgetGrant[]> =>
    (await report(campaigns, overrides)).grants;

  const report = (campaigns: Campaign[], overrides: Partial<LeaseRequest> = {}): Promise<LeaseAnswer> =>
    ledger.lease({
      edgeId: 'edge-1',
      bootId: 'boot-1',
      nowMs: NOON,
      reports: [],
      campaigns,
      trafficShares: FLAT,
      canaryShareBps: 0,
      liveEdges: 1,
      draining: false,
      ...overrides,
    });

  async function balances(campaignId: string): Promise<Record<string, number>> {
    const { accounts } = await ledger.balances(campaignId);
    return Object.fromEntries(accounts.map(({ kind, balanceNanos }) => [kind, Number(balanceNanos)]));
  }

  test('a grant leaves the day when it is made, its spend is booked, what it returns comes back', async () => {
    const campaign = await newCampaign();
    const [grant] = await lease([campaign]);
    expect(await balances(campaign.campaignId)).toEqual({
      funding: -100e9,
      flight: 90e9,
      day: 10e9 - grant!.amountNanos,
      granted: grant!.amountNanos,
    });
    const spent = 400_000_000;
    const closed = { returnedNanos: grant!.amountNanos - spent, freeNanos: 0, closed: true };
    await lease([], { reports: [reportOf(grant!, spent, closed)] });
    expect(await balances(campaign.campaignId)).toMatchObject({ granted: 0, spent, day: 10e9 - spent, flight: 90e9 });
    expect((await ledger.balances(campaign.campaignId)).openGrants).toBe(0);
  });

  test('the same report again changes nothing; an older one does not take spend back', async () => {
    const campaign = await newCampaign();
    const [grant] = await lease([campaign]);
    await lease([], { reports: [reportOf(grant!, 300)] });
    await lease([], { reports: [reportOf(grant!, 300)] });
    await lease([], { reports: [reportOf(grant!, 200)] });
    expect((await balances(campaign.campaignId)).spent).toBe(300);
  });

  test('a grant whose answer was lost is sent again; a known one is not, unless its plan moved', async () => {
    const campaign = await newCampaign();
    const first = await lease([campaign]);
    expect(await lease([campaign])).toEqual(first);
    expect(await lease([campaign], { reports: [reportOf(first[0]!, 0)] })).toEqual([]);
    const split = await lease([campaign], { reports: [reportOf(first[0]!, 0)], canaryShareBps: 2_000 });
    const champion = split.find((grant) => grant.arm === 'champion')!;
    expect(champion).toMatchObject({
      grantId: first[0]!.grantId,
      dayPlanNanos: 8e9,
      amountNanos: first[0]!.amountNanos,
    });
    expect(split.find((grant) => grant.arm === 'canary')).toMatchObject({ dayPlanNanos: 2e9, outageNanos: 0 });
  });

  test('an edge that shuts down gets its returns booked and nothing new', async () => {
    const campaign = await newCampaign();
    const [grant] = await lease([campaign]);
    const returned = reportOf(grant!, 0, { returnedNanos: grant!.amountNanos, freeNanos: 0, closed: true });
    expect(await lease([campaign], { reports: [returned], draining: true })).toEqual([]);
    expect(await balances(campaign.campaignId)).toMatchObject({ day: 10e9, granted: 0 });
  });

  test('late in the day a lease is filled from the allowance that is no longer needed, and the edge hears of it', async () => {
    const campaign = await newCampaign();
    const evening = Date.parse('2026-06-01T18:00:00Z');
    const [grant] = await lease([campaign], { nowMs: evening });
    const spentNanos = grant!.amountNanos - grant!.outageNanos;
    const reports = [reportOf(grant!, spentNanos)];
    const later = await lease([campaign], { nowMs: evening + 5 * 3_600_000, reports });
    const unlocked = later.find(({ grantId }) => grantId === grant!.grantId)!;
    expect(unlocked.outageNanos).toBeLessThan(grant!.outageNanos);
    expect(unlocked.amountNanos).toBe(grant!.amountNanos);
    const raise = plane.database.query('UPDATE budget_grant SET outage_nanos = outage_nanos + 1 WHERE grant_id = $1', [
      grant!.grantId,
    ]);
    await expect(raise).rejects.toThrow(/only grows/);
  });

  test('a report by another edge moves nothing', async () => {
    const campaign = await newCampaign();
    const [grant] = await lease([campaign]);
    await lease([], { edgeId: 'edge-2', reports: [reportOf(grant!, 5_000)] });
    expect((await balances(campaign.campaignId)).spent).toBeUndefined();
  });

  test('late bills are real spend: taken from the day, then from the flight, then from the advertiser', async () => {
    const campaign = await newCampaign({ dailyBudgetMicros: 1_000_000, totalBudgetMicros: 2_000_000 });
    const [grant] = await lease([campaign]);
    const late = 2_500_000_000;
    await lease([], { reports: [reportOf(grant!, 0, { lateNanos: late })] });
    const after = await balances(campaign.campaignId);
    expect(after.spent).toBe(late);
    expect(after.day! + after.flight! + after.granted!).toBe(-after.funding! - late);
    expect(after.funding).toBeLessThan(-2e9);
    expect((await ledger.balances(campaign.campaignId)).lateNanos).toBe(String(late));
  });

  test('late bills that no grant took are booked once, on the day of the grant that had held their money', async () => {
    const campaign = await newCampaign();
    const { campaignId } = campaign;
    const [grant] = await lease([campaign]);
    const bill: LateBill = {
      ...{ decisionId: `${campaignId}-d1`, grantId: grant!.grantId, campaignId, arm: 'champion', paidNanos: 700 },
    };
    const unknownGrant = { ...bill, decisionId: `${campaignId}-d2`, grantId: 'gone', paidNanos: 30 };
    const tomorrow = NOON + 86_400_000;
    const told = { nowMs: tomorrow, lateBills: [bill, unknownGrant, bill] };
    const first = await report([], told);
    expect([...new Set(first.bookedLateBills)].sort()).toEqual([bill.decisionId, unknownGrant.decisionId]);
    // Its answer was lost; the second time it comes from two heartbeats at once, and from an edge that shuts down.
    await Promise.all([report([], told), report([], told)]);
    await report([], { ...told, draining: true });
    const { accounts, lateNanos } = await ledger.balances(campaignId);
    const spent = accounts.filter(({ kind }) => kind === 'spent');
    expect(spent).toEqual([
      { kind: 'spent', day: '2026-06-01', balanceNanos: '700' },
      { kind: 'spent', day: '2026-06-02', balanceNanos: '30' },
    ]);
    expect(lateNanos).toBe('730');
    await expectBooks(campaignId, 100e9, 730);
    await expect(plane.database.query('UPDATE late_bill SET paid_nanos = 1')).rejects.toThrow(/permission denied/);
  });

  test("late bills count as their arm's spend of the day; those of other edges and unknown campaigns are not booked", async () => {
    const campaign = await newCampaign();
    const { campaignId } = campaign;
    const [grant] = await lease([campaign]);
    const bill: LateBill = {
      ...{ decisionId: `${campaignId}-x`, grantId: grant!.grantId, campaignId, arm: 'champion', paidNanos: 4e9 },
    };
    const stranger = { ...bill, decisionId: 'of nobody', grantId: '', campaignId: 'cmp_unknown' };
    const foreign = await report([], { edgeId: 'edge-2', lateBills: [bill, stranger] });
    expect(foreign.bookedLateBills).toEqual([]);
    const heard = await report([campaign], { reports: [reportOf(grant!, 0)], lateBills: [stranger, bill] });
    expect(heard.bookedLateBills).toEqual([bill.decisionId]);
    expect((await balances(campaignId)).spent).toBe(4e9);
    const [next] = await lease([campaign], { edgeId: 'edge-3', bootId: 'b3' });
    expect(next!.daySpentNanos).toBe(4e9);
  });

  test('a grant of an edge that vanished comes back after its end; spend reported later is late', async () => {
    const campaign = await newCampaign();
    const [grant] = await lease([campaign]);
    const later = grant!.expiresAtMs + 11 * 60_000;
    await lease([campaign], { nowMs: later, edgeId: 'edge-9', bootId: 'b' });
    await lease([], { nowMs: later, reports: [reportOf(grant!, 700)] });
    const state = await ledger.balances(campaign.campaignId);
    expect(state.lateNanos).toBe('700');
  });

  test('yesterday hands what it has left back to the flight', async () => {
    const campaign = await newCampaign({ dailyBudgetMicros: 1_000_000, totalBudgetMicros: 10_000_000 });
    const [grant] = await lease([campaign]);
    await lease([], {
      reports: [reportOf(grant!, 1_000, { returnedNanos: grant!.amountNanos - 1_000, freeNanos: 0, closed: true })],
    });
    await lease([campaign], { nowMs: NOON + 86_400_000 });
    const { accounts } = await ledger.balances(campaign.campaignId);
    const of = (kind: string, day: string | null) =>
      accounts.find((a) => a.kind === kind && a.day === day)?.balanceNanos;
    expect(of('day', '2026-06-01')).toBe('0');
    expect(of('spent', '2026-06-01')).toBe('1000');
    expect(Number(of('day', '2026-06-02')) + Number(of('granted', '2026-06-02'))).toBe(1e9);
    expect(of('flight', null)).toBe(String(10e9 - 1e9 - 1_000));
  });

  test('a smaller daily budget takes back what the day has not granted', async () => {
    const campaign = await newCampaign();
    await lease([campaign]);
    const url = `/api/v1/campaigns/${campaign.campaignId}`;
    await plane.call('PATCH', url, { body: { dailyBudgetMicros: 5_000_000 }, headers: { 'if-match': '*' } });
    const smaller = await plane.app.get(CampaignRepository, { strict: false }).get(campaign.campaignId);
    await lease([smaller]);
    const after = await balances(campaign.campaignId);
    expect(after.day! + after.granted!).toBe(5e9);
  });

  test('many edges that ask at once never get more than the day has', async () => {
    const campaign = await newCampaign({ dailyBudgetMicros: 2_000_000, totalBudgetMicros: 3_000_000 });
    const asked = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        lease([campaign], { edgeId: `many-${n}`, bootId: `b${n}`, canaryShareBps: 3_000 }),
      ),
    );
    const granted = asked.flat().reduce((sum, grant) => sum + grant.amountNanos, 0);
    expect(granted).toBeLessThanOrEqual(2e9);
    expect(granted).toBeGreaterThan(1.9e9);
    const after = await balances(campaign.campaignId);
    expect(after).toMatchObject({ granted, day: 2e9 - granted, flight: 1e9 });
  });

  test('property: any interleaving of edges, spends, returns and share changes keeps the books', async () => {
    const step = fc.record({
      edge: fc.integer({ min: 0, max: 3 }),
      spend: fc.double({ min: 0, max: 1, noNaN: true }),
      giveBack: fc.boolean(),
      late: fc.integer({ min: 0, max: 1_000_000 }),
      lateBill: fc.integer({ min: 0, max: 3 }),
      canaryShareBps: fc.constantFrom(0, 500, 2_500, 9_500),
      minutes: fc.integer({ min: 0, max: 90 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const campaign = await newCampaign({ dailyBudgetMicros: 3_000_000, totalBudgetMicros: 5_000_000 });
        const held = new Map<string, GrantReport[]>();
        let nowMs = NOON;
        let late = 0;
        const billed = new Map<string, number>();
        for (let at = 0; at < steps.length; at += 2) {
          nowMs += (steps[at]?.minutes ?? 0) * 60_000;
          // Two edges at a time run truly in parallel.
          await Promise.all(
            steps.slice(at, at + 2).map(async (step, slot) => {
              const { edge, spend, giveBack, late: lateNanos, canaryShareBps } = step;
              const edgeId = `${campaign.campaignId}-${edge}-${slot}`;
              const reports = (held.get(edgeId) ?? []).map((report) => act(report, spend, giveBack));
              if (reports[0]) {
                reports[0].lateNanos += lateNanos;
                late += lateNanos;
              }
              // The same few bills again and again: each is booked once.
              const told = {
                grantId: reports[0]?.grantId ?? '',
                campaignId: campaign.campaignId,
                arm: 'champion' as const,
              };
              const decisionId = `${campaign.campaignId}-${edgeId}-${step.lateBill}`;
              billed.set(decisionId, 1000 + step.lateBill);
              const grants = await lease([campaign], {
                lateBills: [{ ...told, decisionId, paidNanos: 1000 + step.lateBill }],
                edgeId,
                bootId: edgeId,
                nowMs,
                reports,
                canaryShareBps,
                liveEdges: 4,
              });
              const known = new Set(reports.map((report) => report.grantId));
              const fresh = grants.filter((grant) => !known.has(grant.grantId)).map((grant) => reportOf(grant, 0));
              held.set(edgeId, [...reports.filter((report) => !report.closed), ...fresh]);
            }),
          );
        }
        const bills = [...billed.values()].reduce((sum, nanos) => sum + nanos, 0);
        expect((await ledger.balances(campaign.campaignId)).lateNanos).toBe(
          String((await lateOfGrants(campaign)) + bills),
        );
        await expectBooks(campaign.campaignId, 5e9, late + bills);
      }),
      { numRuns: 15 },
    );
  });

  async function lateOfGrants({ campaignId }: Campaign): Promise<number> {
    const [sum] = (await plane.database.query(
      'SELECT coalesce(sum(late_nanos), 0) AS late FROM budget_grant WHERE campaign_id = $1',
      [campaignId],
    )) as [{ late: string }];
    return Number(sum.late);
  }

  /** Spends a share of what is free, perhaps returns the rest. */
  function act(report: GrantReport, spend: number, giveBack: boolean): GrantReport {
    const paid = Math.floor(report.freeNanos * spend);
    const left = report.freeNanos - paid;
    return {
      ...report,
      spentNanos: report.spentNanos + paid,
      freeNanos: giveBack ? 0 : left,
      returnedNanos: report.returnedNanos + (giveBack ? left : 0),
      closed: giveBack || left === 0,
    };
  }

  /** Sum zero, no negative account, balances equal their entries, spend within the total plus late bills. */
  async function expectBooks(campaignId: string, totalNanos: number, lateNanos: number): Promise<void> {
    const rows = (await plane.database.query(
      `SELECT a.kind, a.balance_nanos AS balance, coalesce(sum(e.amount_nanos), 0) AS entries
       FROM budget_account a LEFT JOIN budget_entry e USING (account_id) WHERE a.campaign_id = $1 GROUP BY a.account_id`,
      [campaignId],
    )) as { kind: string; balance: string; entries: string }[];
    expect(rows.reduce((sum, row) => sum + BigInt(row.balance), 0n)).toBe(0n);
    for (const row of rows) {
      expect(row.entries).toBe(row.balance);
      if (row.kind !== 'funding') expect(BigInt(row.balance) >= 0n).toBe(true);
    }
    const spent = rows.filter((row) => row.kind === 'spent').reduce((sum, row) => sum + Number(row.balance), 0);
    expect(spent).toBeLessThanOrEqual(totalNanos + lateNanos);
    const [grants] = (await plane.database.query(
      `SELECT sum(amount_nanos - spent_nanos - returned_nanos) AS outstanding FROM budget_grant WHERE campaign_id = $1`,
      [campaignId],
    )) as { outstanding: string }[];
    const granted = rows.filter((row) => row.kind === 'granted').reduce((sum, row) => sum + BigInt(row.balance), 0n);
    expect(granted).toBe(BigInt(grants!.outstanding ?? 0));
  }
});

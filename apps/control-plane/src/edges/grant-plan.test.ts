import * as fc from 'fast-check';
import { campaignSchema } from '#domain/contracts/campaign';
import { dayOutlook, dayPlan, type GrantSituation, type HeldGrant, planGrants, planMoved } from './grant-plan';

const FLAT = new Array<number>(168).fill(1 / 168);
const HOUR = 3_600_000;

const campaign = (overrides: Record<string, unknown> = {}) =>
  campaignSchema.parse({
    campaignId: 'c',
    version: 1,
    advertiserId: 'a',
    name: 'n',
    startAt: '2026-01-01T00:00:00Z',
    endAt: '2027-01-01T00:00:00Z',
    timeZone: 'UTC',
    dailyBudgetMicros: 96_000_000,
    totalBudgetMicros: 960_000_000,
    goal: { kind: 'cpc', amountMicros: 100_000 },
    bidCapMicros: 1_000,
    safeBidMicros: 1_000,
    ...overrides,
  });

const situation = (overrides: Partial<GrantSituation> = {}): GrantSituation => ({
  outlook: dayOutlook(campaign(), FLAT, Date.parse('2026-03-02T00:00:00Z'))!,
  nowMs: Date.parse('2026-03-02T00:00:00Z'),
  bidCapMicros: 1_000,
  dailyBudgetNanos: 96_000_000_000n,
  spentNanos: { champion: 0n, canary: 0n },
  availableNanos: 96_000_000_000n,
  canaryShareBps: 0,
  liveEdges: 1,
  held: [],
  ...overrides,
});

describe('outlook of a campaign day', () => {
  test('at midnight with flat traffic, 15 minutes are 1/96 and 6 hours 1/4 of the day', () => {
    const outlook = dayOutlook(campaign(), FLAT, Date.parse('2026-03-02T00:00:00Z'))!;
    expect(outlook.day).toBe('2026-03-02');
    expect(outlook.endMs).toBe(Date.parse('2026-03-03T00:00:00Z'));
    expect(outlook.leaseShare).toBeCloseTo(1 / 96, 12);
    expect(outlook.outageShare).toBeCloseTo(1 / 4, 12);
  });

  test('the day is that of the campaign time zone, 23 hours long when clocks go forward', () => {
    const at = Date.parse('2026-03-28T23:00:00Z');
    const outlook = dayOutlook(campaign({ timeZone: 'Europe/Berlin' }), FLAT, at)!;
    expect(outlook.day).toBe('2026-03-29');
    expect(outlook.endMs - at).toBe(23 * HOUR);
  });

  test('a flight that ends before the day does ends the outlook; outside the flight there is none', () => {
    const short = campaign({ endAt: '2026-03-02T01:00:00Z' });
    const outlook = dayOutlook(short, FLAT, Date.parse('2026-03-02T00:00:00Z'))!;
    expect(outlook).toMatchObject({ endMs: Date.parse('2026-03-02T01:00:00Z'), outageShare: 1 });
    expect(outlook.leaseShare).toBeCloseTo(1 / 4, 12);
    expect(dayOutlook(short, FLAT, Date.parse('2026-03-02T01:00:00Z'))).toBeNull();
    expect(dayOutlook(short, FLAT, Date.parse('2025-12-31T23:59:59Z'))).toBeNull();
  });

  test('hours outside the dayparting plan nothing', () => {
    const mondayEvening = campaign({ dayparting: [22] });
    expect(dayOutlook(mondayEvening, FLAT, Date.parse('2026-03-02T00:00:00Z'))).toMatchObject({
      leaseShare: 0,
      outageShare: 0,
    });
    expect(dayOutlook(mondayEvening, FLAT, Date.parse('2026-03-02T22:00:00Z'))!.leaseShare).toBeCloseTo(1 / 4, 12);
    expect(
      planGrants(situation({ outlook: dayOutlook(mondayEvening, FLAT, Date.parse('2026-03-02T00:00:00Z'))! })).grants,
    ).toEqual([]);
  });
});

describe('grants', () => {
  test('a fresh edge gets 15 minutes of the plan and 6 hours at half of it for outages', () => {
    const [grant, ...rest] = planGrants(situation()).grants;
    expect(rest).toEqual([]);
    expect(Number(grant!.amountNanos - grant!.outageNanos) / 1e9).toBeCloseTo(1, 6);
    expect(Number(grant!.outageNanos) / 1e9).toBeCloseTo(12, 6);
    expect(grant!.dayPlanNanos).toBe(96_000_000_000n);
  });

  test('arms share the lease by the canary share; the outage allowance is the champion alone', () => {
    const [champion, canary] = planGrants(situation({ canaryShareBps: 2_500 })).grants;
    expect(Number(champion!.amountNanos - champion!.outageNanos) / 1e9).toBeCloseTo(0.75, 6);
    expect(Number(champion!.outageNanos) / 1e9).toBeCloseTo(12, 6);
    expect(Number(canary!.amountNanos) / 1e9).toBeCloseTo(0.25, 6);
    expect(canary!.outageNanos).toBe(0n);
    expect(canary!.expiresAtMs).toBe(situation().nowMs + 30 * 60_000);
  });

  test('a lease that is three quarters full is left alone, one below is filled up', () => {
    const held = (lease: bigint) => [
      {
        grantId: 'g',
        arm: 'champion' as const,
        freeNanos: lease + 12_000_000_000n,
        outageNanos: 12_000_000_000n,
        expiresAtMs: Infinity,
      },
    ];
    expect(planGrants(situation({ held: held(760_000_000n) })).grants).toEqual([]);
    const [grant] = planGrants(situation({ held: held(700_000_000n) })).grants;
    expect(Number(grant!.amountNanos) / 1e9).toBeCloseTo(0.3, 6);
    expect(grant!.outageNanos).toBe(0n);
  });

  test('what the day still has bounds a grant, and the lease comes before the allowance', () => {
    const [grant] = planGrants(situation({ availableNanos: 25_500_000_000n })).grants;
    expect(grant!.amountNanos).toBe(1_500_000_000n);
    expect(Number(grant!.outageNanos) / 1e9).toBeCloseTo(0.5, 6);
    const [poor] = planGrants(situation({ availableNanos: 900_000_000n })).grants;
    expect(poor).toMatchObject({ amountNanos: 900_000_000n, outageNanos: 0n });
    expect(planGrants(situation({ availableNanos: 0n })).grants).toEqual([]);
  });

  test('edges that start one after another late in the day leave enough for the lease of a canary', () => {
    const late = {
      outlook: dayOutlook(campaign(), FLAT, Date.parse('2026-03-02T21:00:00Z'))!,
      nowMs: Date.parse('2026-03-02T21:00:00Z'),
      dailyBudgetNanos: 12_000_000_000n,
    };
    let availableNanos = 12_000_000_000n;
    for (const liveEdges of [1, 2, 3])
      for (const { amountNanos } of planGrants(situation({ ...late, availableNanos, liveEdges })).grants)
        availableNanos -= amountNanos;
    const opened = planGrants(situation({ ...late, availableNanos, liveEdges: 3, canaryShareBps: 5_000 })).grants;
    const canary = opened.find(({ arm }) => arm === 'canary');
    // Half of a twelfth of what is left, on each of three edges.
    expect(Number(canary!.amountNanos) / 1e9).toBeCloseTo(12 / 12 / 2 / 3, 6);
  });

  test('leases of both arms come before any allowance, and share what is too little', () => {
    const lastHour = { outlook: dayOutlook(campaign(), FLAT, Date.parse('2026-03-02T23:00:00Z'))! };
    const [champion, canary] = planGrants(
      situation({
        ...lastHour,
        spentNanos: { champion: 92_000_000_000n, canary: 0n },
        canaryShareBps: 5_000,
        availableNanos: 1_000_000_000n,
      }),
    ).grants;
    expect([champion!.amountNanos, canary!.amountNanos]).toEqual([500_000_000n, 500_000_000n]);
    const [poor, poorCanary] = planGrants(situation({ canaryShareBps: 2_500, availableNanos: 400_000_000n })).grants;
    expect(Number(poor!.amountNanos) / 1e9).toBeCloseTo(0.3, 6);
    expect(Number(poorCanary!.amountNanos) / 1e9).toBeCloseTo(0.1, 6);
    expect(poor!.outageNanos).toBe(0n);
  });

  test('a day of even demand can spend its whole budget although an allowance is kept all day', () => {
    const startMs = Date.parse('2026-03-02T00:00:00Z');
    const STEP_MS = 60_000;
    const perStep = 96_000_000_000n / 1440n;
    let held: HeldGrant[] = [];
    let account = 96_000_000_000n;
    let spent = 0n;
    for (let step = 0; step < 1440; step += 1) {
      const nowMs = startMs + step * STEP_MS;
      // An edge returns what is left of a grant when it ends.
      for (const grant of held) if (grant.expiresAtMs <= nowMs) account += grant.freeNanos;
      held = held.filter((grant) => grant.expiresAtMs > nowMs);
      const outlook = dayOutlook(campaign(), FLAT, nowMs)!;
      const spentNanos = { champion: spent, canary: 0n };
      const { grants, unlocked } = planGrants(situation({ outlook, nowMs, availableNanos: account, spentNanos, held }));
      for (const grant of held) grant.outageNanos = unlocked.get(grant.grantId) ?? grant.outageNanos;
      for (const grant of grants) {
        account -= grant.amountNanos;
        held.push({ ...grant, grantId: `${nowMs} ${grant.arm}`, freeNanos: grant.amountNanos });
      }
      let wanted = perStep;
      for (const grant of held) {
        const usable = grant.freeNanos > grant.outageNanos ? grant.freeNanos - grant.outageNanos : 0n;
        const paid = usable < wanted ? usable : wanted;
        grant.freeNanos -= paid;
        wanted -= paid;
        spent += paid;
      }
      // What an edge holds at any time covers six hours at half the planned rate, or the rest of the day at half of it.
      const kept = held.reduce((sum, grant) => sum + grant.freeNanos, 0n);
      const needed = (Math.min(360, 1440 - step - 1) * Number(perStep)) / 2;
      expect(Number(kept)).toBeGreaterThanOrEqual(0.5 * needed - 1);
    }
    expect(Number(spent) / 96e9).toBeGreaterThan(0.999);
  });

  test('property: grants of any situation sum to at most what is available and hold their allowance', () => {
    const nanos = fc.bigInt({ min: 0n, max: 10n ** 14n });
    fc.assert(
      fc.property(
        nanos,
        nanos,
        nanos,
        fc.integer({ min: 0, max: 10_000 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.record({ free: nanos, outage: nanos, canary: fc.boolean() }), { maxLength: 4 }),
        (availableNanos, champion, canary, canaryShareBps, liveEdges, held) => {
          const { grants, unlocked } = planGrants(
            situation({
              availableNanos,
              spentNanos: { champion, canary },
              canaryShareBps,
              liveEdges,
              held: held.map((grant, n) => ({
                grantId: String(n),
                arm: grant.canary ? 'canary' : 'champion',
                freeNanos: grant.free,
                outageNanos: grant.outage,
                expiresAtMs: Infinity,
              })),
            }),
          );
          const total = grants.reduce((sum, grant) => sum + grant.amountNanos, 0n);
          expect(total <= availableNanos).toBe(true);
          for (const grant of grants)
            expect(grant.outageNanos >= 0n && grant.outageNanos <= grant.amountNanos).toBe(true);
          for (const [grantId, kept] of unlocked) {
            const { free, outage } = held[Number(grantId)]!;
            expect(kept >= 0n && kept < outage && kept < free).toBe(true);
          }
        },
      ),
    );
  });

  test('day plans of both arms are their spend and their share of the rest, and sum to the budget', () => {
    const at = situation({ canaryShareBps: 1_000, spentNanos: { champion: 30_000_000_000n, canary: 6_000_000_000n } });
    expect(dayPlan(at, 'champion')).toBe(84_000_000_000n);
    expect(dayPlan(at, 'canary')).toBe(12_000_000_000n);
    expect(planMoved(100n, 102n)).toBe(false);
    expect(planMoved(100n, 103n)).toBe(true);
  });
});

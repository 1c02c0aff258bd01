import fc from 'fast-check';
import type { BudgetGrant, LateBill } from '#domain/contracts';
import { BudgetLedger } from './budget-ledger';

const grant = (over: Partial<BudgetGrant> = {}): BudgetGrant => ({
  grantId: 'g1',
  campaignId: 'c',
  arm: 'champion',
  day: '2026-11-24',
  amountNanos: 1000,
  outageNanos: 300,
  expiresAtMs: 10_000,
  dayPlanNanos: 5000,
  daySpentNanos: 0,
  ...over,
});

const lateBill = (over: Partial<LateBill> = {}): LateBill => ({
  ...{ decisionId: 'd1', grantId: 'g0', campaignId: 'c', arm: 'champion', paidNanos: 70 },
  ...over,
});

describe('BudgetLedger', () => {
  it('touches the outage allowance only when the control plane is unreachable', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant());
    expect(ledger.freeNanos('c', 'champion', 0, true)).toBe(700);
    expect(ledger.freeNanos('c', 'champion', 0, false)).toBe(1000);
    expect(ledger.reserve('c', 'champion', 800, 0, true)).toBeNull();
    expect(ledger.reserve('c', 'champion', 800, 0, false)).toBe('g1');
    ledger.assertBalanced();
  });

  it('keeps less for an outage when told to, never more, and never another amount', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant());
    ledger.add(grant({ outageNanos: 100, amountNanos: 9999 }));
    ledger.add(grant({ outageNanos: 300 }));
    expect(ledger.freeNanos('c', 'champion', 0, true)).toBe(900);
    expect(ledger.freeNanos('c', 'champion', 0, false)).toBe(1000);
    ledger.assertBalanced();
  });

  it('knows whether an arm was given a budget, spent or not', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant({ grantId: 'g2', arm: 'canary', outageNanos: 0 }), true);
    expect(ledger.hasGrant('canary', 0)).toBe(false);
    ledger.activate('g2');
    ledger.reserve('c', 'canary', 1000, 0, true);
    expect([ledger.hasGrant('canary', 0), ledger.hasGrant('champion', 0)]).toEqual([true, false]);
    expect(ledger.hasGrant('canary', 10_000)).toBe(false);
  });

  it.each([Number.NaN, Infinity, -1, 0.5, 2 ** 60])('refuses to reserve %p nanos, and is what it was', (nanos) => {
    const ledger = new BudgetLedger();
    ledger.add(grant({ outageNanos: 0 }));
    expect(() => ledger.reserve('c', 'champion', nanos, 0, true)).toThrow();
    expect(ledger.reports()[0]).toMatchObject({ reservedNanos: 0, freeNanos: 1000 });
  });

  it('settles to the paid price and frees the rest', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant({ outageNanos: 0 }));
    ledger.reserve('c', 'champion', 600, 0, true);
    ledger.settle('g1', 600, 250);
    expect(ledger.reports()[0]).toMatchObject({ spentNanos: 250, reservedNanos: 0, freeNanos: 750 });
  });

  it('refuses an expired grant, returns its rest and closes it once nothing is reserved', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant({ outageNanos: 0 }));
    ledger.reserve('c', 'champion', 100, 0, true);
    ledger.expire(10_000);
    expect(ledger.reserve('c', 'champion', 1, 10_000, true)).toBeNull();
    expect(ledger.reports()[0]).toMatchObject({ returnedNanos: 900, reservedNanos: 100, closed: false });
    ledger.release('g1', 100);
    expect(ledger.reports()[0]).toMatchObject({ returnedNanos: 1000, closed: true });
    ledger.assertBalanced();
  });

  it('holds what was free after a crash, pays forgotten bids from it, and then returns it', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant({ outageNanos: 0 }));
    ledger.quarantine(5000);
    expect(ledger.freeNanos('c', 'champion', 0, false)).toBe(0);
    expect(ledger.settleHeld('g1', 400)).toBe(true);
    expect(ledger.settleHeld('g1', 700)).toBe(false);
    ledger.expire(5000);
    expect(ledger.reports()[0]).toMatchObject({ spentNanos: 400, returnedNanos: 600, closed: true });
    ledger.assertBalanced();
  });

  it('charges late bills beside the identity, to the newest open grant', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant());
    expect(ledger.chargeLate(lateBill())).toBe('g1');
    expect(ledger.reports()[0]).toMatchObject({ lateNanos: 70, freeNanos: 1000 });
    expect(ledger.late.all()).toEqual([]);
  });

  it('keeps late bills that no grant can take, one a decision, until they are booked elsewhere', () => {
    const ledger = new BudgetLedger();
    expect(ledger.chargeLate(lateBill())).toBeNull();
    ledger.chargeLate(lateBill({ decisionId: 'd2', paidNanos: 5 }));
    ledger.chargeLate(lateBill({ decisionId: 'd3', paidNanos: 0 }));
    ledger.add(grant());
    expect(ledger.reports()[0]).toMatchObject({ lateNanos: 0 });
    ledger.late.postpone(['d1', 'unknown']);
    expect(ledger.late.oldest(1)).toEqual([lateBill({ decisionId: 'd2', paidNanos: 5 })]);
    expect([ledger.late.size, ledger.late.sumNanos()]).toEqual([2, 75]);
    expect(ledger.late.booked(['d1', 'd9'])).toEqual(['d1']);
    expect(ledger.late.all().map((bill) => bill.decisionId)).toEqual(['d2']);
  });

  it('lets a grant of its own take the late bills of its lane, and of no other', () => {
    const ledger = new BudgetLedger();
    ledger.chargeLate(lateBill());
    ledger.chargeLate(lateBill({ decisionId: 'd2', arm: 'canary', paidNanos: 5 }));
    ledger.add(grant(), false, true);
    expect(ledger.reports()[0]).toMatchObject({ lateNanos: 70, freeNanos: 1000 });
    expect(ledger.late.sumNanos()).toBe(5);
  });

  it('does not change the amount of a grant it knows', () => {
    const ledger = new BudgetLedger();
    expect(ledger.add(grant())).toBe(true);
    expect(ledger.add(grant({ amountNanos: 9999, expiresAtMs: 20_000 }))).toBe(false);
    expect(ledger.freeNanos('c', 'champion', 15_000, false)).toBe(1000);
  });

  it('adds what it spends itself to what the fleet had spent, whichever grant pays', () => {
    const ledger = new BudgetLedger();
    ledger.add(grant({ outageNanos: 0, expiresAtMs: 5000 }));
    ledger.reserve('c', 'champion', 200, 0, true);
    ledger.settle('g1', 200, 100);
    expect(ledger.plans()[0]).toMatchObject({ planNanos: 5000, spentNanos: 100 });
    // The fleet's sum (140) holds the 100 of the first grant.
    ledger.add(grant({ grantId: 'g2', outageNanos: 0, daySpentNanos: 140, dayPlanNanos: 6000 }));
    expect(ledger.plans()[0]).toMatchObject({ planNanos: 6000, spentNanos: 140 });
    expect(ledger.reserve('c', 'champion', 200, 0, true)).toBe('g1');
    ledger.settle('g1', 200, 50);
    expect(ledger.plans()[0]).toMatchObject({ spentNanos: 190 });
    // A new plan for a grant that is known leaves that grant's own spend out of the sum.
    ledger.add(grant({ grantId: 'g2', outageNanos: 0, daySpentNanos: 190, dayPlanNanos: 7000 }));
    expect(ledger.plans()[0]).toMatchObject({ planNanos: 7000, spentNanos: 190 });
  });

  it('keeps granted = reserved + spent + free + returned under any interleaving', () => {
    const step = fc.record({
      kind: fc.constantFrom('add', 'reserve', 'bill', 'release', 'late', 'expire', 'quarantine', 'held', 'returnAll'),
      nanos: fc.integer({ min: 0, max: 700 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      atMs: fc.integer({ min: 0, max: 20_000 }),
      reachable: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const ledger = new BudgetLedger();
        const open: { grantId: string; nanos: number }[] = [];
        let granted = 0;
        let made = 0;
        let late = 0;
        for (const { kind, nanos, share, atMs, reachable } of steps) {
          if (kind === 'add') {
            ledger.add(grant({ grantId: `g${made++}`, amountNanos: nanos, outageNanos: Math.floor(nanos * share) }));
            granted += nanos;
          } else if (kind === 'reserve') {
            const grantId = ledger.reserve('c', 'champion', nanos, atMs, reachable);
            if (grantId) open.push({ grantId, nanos });
          } else if (kind === 'bill' || kind === 'release') {
            const reservation = open.shift();
            const paid = kind === 'bill' ? Math.floor((reservation?.nanos ?? 0) * share) : 0;
            if (reservation) ledger.settle(reservation.grantId, reservation.nanos, paid);
          } else if (kind === 'late') ledger.chargeLate(lateBill({ decisionId: `d${late++}`, paidNanos: nanos }));
          else if (kind === 'expire') ledger.expire(atMs);
          else if (kind === 'quarantine') ledger.quarantine(atMs);
          else if (kind === 'held') ledger.settleHeld('g0', nanos);
          else ledger.returnAll();
          ledger.assertBalanced();
          const spent = ledger.reports().reduce((sum, report) => sum + report.spentNanos, 0);
          expect(spent).toBeLessThanOrEqual(granted);
        }
      }),
      { numRuns: 300 },
    );
  });
});

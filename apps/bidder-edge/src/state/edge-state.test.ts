import fc from 'fast-check';
import { EdgeState, type AcceptedNotice } from './edge-state';
import type { JournalEntry } from './journal';

const LIMITS = {
  bootId: 'boot',
  reservationTtlMs: 1000,
  tokenTtlMs: 60_000,
  maxReservations: 100,
  maxCapEntries: 1000,
  maxNoticeEntries: 1000,
};
const CAP = { capKey: 'campaign:c:60', maxImpressions: 3 };

const step = fc.record({
  kind: fc.constantFrom('grant', 'bid', 'bill', 'loss', 'win', 'conversion', 'expire', 'forget', 'booked'),
  pick: fc.nat(50),
  price: fc.integer({ min: 1, max: 400 }),
  gapMs: fc.integer({ min: 0, max: 700 }),
});
const USERS = ['0', '1', 'e', 'f'].map((digit) => digit.repeat(16));
type Step = { kind: string; pick: number; price: number; gapMs: number };

/** Drives a state through `steps`; the journal is what a disk would hold. */
function live(steps: readonly Step[]): { state: EdgeState; journal: JournalEntry[]; nowMs: number } {
  const journal: JournalEntry[] = [];
  const state = new EdgeState(LIMITS, (entry) => journal.push(structuredClone(entry)));
  const made: AcceptedNotice[] = [];
  let nowMs = 0;
  for (const { kind, pick, price, gapMs } of steps) {
    nowMs += gapMs;
    if (kind === 'grant') {
      const grantId = `g${journal.length}`;
      state.addGrant({
        ...{ grantId, campaignId: 'c', arm: 'champion', day: 'd', amountNanos: 1000 },
        ...{ outageNanos: 0, expiresAtMs: nowMs + 5000, dayPlanNanos: 1, daySpentNanos: 0 },
      });
      state.ledger.activate(grantId);
    } else if (kind === 'bid') {
      const request = {
        exchange: 'demo',
        campaignId: 'c',
        creativeId: 'cr',
        arm: 'champion' as const,
        priceNanos: price,
      };
      const held = state.holds.tryReserve({ ...request, userKey: USERS[pick % 4], caps: [CAP] }, nowMs, true);
      if (held === null) continue;
      const decisionId = `d${made.length}`;
      state.onBid({ ...held, decisionId });
      made.push({ ...request, kind: 'bill', decisionId, decidedAtMs: nowMs, grantId: held.grantId, paidNanos: price });
    } else if (kind === 'expire') state.expire(nowMs);
    else if (kind === 'booked') {
      const lateBills = state.ledger.late.oldest(2);
      state.onReported(
        { grants: [], lateBills },
        lateBills.slice(pick % 2).map((bill) => bill.decisionId),
      );
    } else if (kind === 'forget') state.forgetClosed(state.ledger.closedGrants());
    else if (made.length > 0) {
      const bid = made[pick % made.length];
      const notice = { ...bid, kind: kind as 'bill', paidNanos: kind === 'bill' ? Math.min(price, bid.paidNanos) : 0 };
      if (state.guardOf(notice.kind).take(bid.decisionId, notice.kind, bid.decidedAtMs) === 'first')
        state.applyNotice(notice, nowMs);
    }
    state.ledger.assertBalanced();
  }
  state.expire(nowMs);
  return { state, journal, nowMs };
}

function reborn(entries: Iterable<JournalEntry>, nowMs: number): EdgeState {
  const state = new EdgeState(LIMITS, () => undefined);
  for (const entry of entries) state.replay(structuredClone(entry));
  state.recovered(nowMs);
  state.ledger.assertBalanced();
  return state;
}

/** What must be the same before and after a crash; free budget is held back and therefore not. */
function durable(state: EdgeState, nowMs: number): unknown {
  return {
    spent: state.ledger
      .reports()
      .map(({ grantId, spentNanos, lateNanos }) => [grantId, spentNanos, lateNanos])
      .sort(),
    late: state.ledger.late.all().sort((a, b) => (a.decisionId < b.decisionId ? -1 : 1)),
    open: [...state.reservations.all()].map((reservation) => reservation.decisionId).sort(),
    counts: USERS.map((user) => state.caps.count(CAP.capKey, user, nowMs)),
    exposures: USERS.map((user) => state.exposures.count('creative:cr:1440', user, nowMs)),
    seen: [state.guard, state.guardOf('conversion')].map((guard) =>
      [...guard.dump()].map(([id, mask]) => [id, mask]).sort(),
    ),
  };
}

describe('EdgeState', () => {
  it('is the same after a crash: spend, reservations, caps and the memory of notices', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { state, journal, nowMs } = live(steps);
        expect(durable(reborn(journal, nowMs), nowMs)).toEqual(durable(state, nowMs));
      }),
      { numRuns: 200 },
    );
  });

  it('is the same out of a checkpoint, also when the journal after it repeats what it holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, cut) => {
        const { state, journal, nowMs } = live(steps);
        const dump = [...state.dump(nowMs)].map((entry) => structuredClone(entry));
        const repeated = journal
          .slice(Math.max(0, journal.length - cut))
          .filter((entry) => entry.kind === 'bid' || entry.kind === 'notice');
        expect(durable(reborn([...dump, ...repeated], nowMs), nowMs)).toEqual(durable(state, nowMs));
      }),
      { numRuns: 200 },
    );
  });

  it.each([3_600_000, -3_600_000, 86_400_000, -86_400_000])(
    'ends nothing sooner or later and counts nothing twice when the clock is set by %p ms',
    (stepMs) => {
      const { state, nowMs } = live([
        { kind: 'grant', pick: 0, price: 1, gapMs: 0 },
        { kind: 'bid', pick: 0, price: 300, gapMs: 10 },
        { kind: 'bid', pick: 1, price: 200, gapMs: 10 },
        { kind: 'bill', pick: 0, price: 300, gapMs: 10 },
      ]);
      const at = (ms: number): number => nowMs + stepMs + ms;
      state.onClockStep(stepMs);
      state.expire(at(900));
      expect(state.reservations.size).toBe(1);
      state.expire(at(1000));
      expect(state.reservations.size).toBe(0);
      expect(state.ledger.freeNanos('c', 'champion', at(4900), true)).toBe(700);
      expect(state.ledger.freeNanos('c', 'champion', at(5000), true)).toBe(0);
      expect(state.guard.take('d0', 'bill', 10)).toBe('repeated');
      state.onClockStep(-stepMs);
      state.expire(nowMs + 6000);
      expect(state.guard.take('d0', 'bill', 10)).toBe('repeated');
      expect(state.ledger.reports()[0]).toMatchObject({ spentNanos: 300, returnedNanos: 700, closed: true });
    },
  );

  it('takes journals of before late bills had names: a sum of a lane waits, and every grant took what waited', () => {
    const grant = {
      ...{ grantId: 'g', campaignId: 'c', arm: 'canary' as const, day: 'd', amountNanos: 1000, outageNanos: 0 },
      ...{ expiresAtMs: 5000, dayPlanNanos: 1, daySpentNanos: 0 },
    };
    const sum: JournalEntry = { kind: 'late', lane: 'c|canary', nanos: 70 };
    const waiting = reborn([sum], 0).ledger.late.all();
    expect(waiting).toEqual([
      { decisionId: 'late:boot:c|canary', grantId: '', campaignId: 'c', arm: 'canary', paidNanos: 70 },
    ]);
    const taken = reborn([sum, { kind: 'grant', grant }], 0).ledger;
    expect([taken.late.size, taken.reports()[0]?.lateNanos]).toEqual([0, 70]);
    const kept = reborn([sum, { kind: 'grant', grant, takesLate: false }], 0).ledger;
    expect([kept.late.size, kept.reports()[0]?.lateNanos]).toEqual([1, 0]);
  });

  it('remembers a conversion when everything else of its decision is forgotten, and refuses what it cannot remember', () => {
    const { state, journal, nowMs } = live([
      { kind: 'grant', pick: 0, price: 1, gapMs: 0 },
      { kind: 'bid', pick: 0, price: 300, gapMs: 10 },
      { kind: 'bill', pick: 0, price: 300, gapMs: 10 },
      { kind: 'conversion', pick: 0, price: 1, gapMs: 10 },
    ]);
    const dayMs = 86_400_000;
    for (const one of [state, reborn(journal, nowMs), reborn(state.dump(nowMs), nowMs)]) {
      one.expire(nowMs + 80 * dayMs);
      expect(one.guard.take('d0', 'bill', 10)).toBe('forgotten');
      expect(one.guardOf('conversion').take('d0', 'conversion', 10)).toBe('repeated');
      one.expire(nowMs + 91 * dayMs);
      expect(one.guardOf('conversion').take('d0', 'conversion', 10)).toBe('forgotten');
    }
  });

  it('gives nothing free back to bids until what the dead process may owe has expired', () => {
    const { journal, nowMs } = live([{ kind: 'grant', pick: 0, price: 1, gapMs: 0 }]);
    const state = reborn(journal, nowMs);
    expect(state.ledger.freeNanos('c', 'champion', nowMs, true)).toBe(0);
    state.expire(nowMs + LIMITS.reservationTtlMs);
    expect(state.ledger.reports()[0]).toMatchObject({ returnedNanos: 1000, closed: true });
  });

  describe('with bids on impressions that may come late', () => {
    const LONG = { ...LIMITS, tokenTtlMs: 3_600_000, longestReservationMs: 600_000 };
    const grant = {
      ...{ grantId: 'g', campaignId: 'c', arm: 'champion' as const, day: 'd', amountNanos: 1000, outageNanos: 0 },
      ...{ expiresAtMs: 500_000, dayPlanNanos: 1, daySpentNanos: 0 },
    };
    const bid = { exchange: 'demo', campaignId: 'c', creativeId: 'cr', arm: 'champion' as const, priceNanos: 100 };

    function opened(limits: typeof LIMITS & { longestReservationMs?: number } = LONG) {
      const journal: JournalEntry[] = [];
      const state = new EdgeState(limits, (entry) => journal.push(structuredClone(entry)));
      state.addGrant(grant);
      state.ledger.activate('g');
      const bidOn = (decisionId: string, expirySeconds: number, nowMs: number): number => {
        const held = state.holds.tryReserve({ ...bid, userKey: null, caps: [], expirySeconds }, nowMs, true);
        if (held === null) throw new Error('no budget');
        state.onBid({ ...held, decisionId });
        return held.expiresAtMs - nowMs;
      };
      return { state, journal, bidOn };
    }

    it('holds each for as long as it lives, the later short one for less than the earlier long one', () => {
      const { state, bidOn } = opened();
      expect([bidOn('long', 200, 0), bidOn('short', 0, 10)]).toEqual([270_000, 1000]);
      expect(state.expire(1010)).toBe(1);
      expect(state.reservations.find('long')).not.toBeNull();
      expect(state.expire(270_000)).toBe(1);
      state.ledger.assertBalanced();
    });

    it('holds none for longer than its notices are good, the longest life, or the usual one past its grant', () => {
      expect(opened({ ...LONG, tokenTtlMs: 100_000 }).bidOn('d', 9000, 0)).toBe(100_000);
      expect(opened({ ...LONG, longestReservationMs: undefined }).bidOn('d', 9000, 0)).toBe(1000);
      expect(opened().bidOn('d', 9000, 0)).toBe(480_000);
      expect(opened().bidOn('d', 9000, 499_999)).toBe(1000);
    });

    it.each([1_000_000, -1_000_000])('leaves each its life when the clock is set by %i ms', (stepMs) => {
      const { state, bidOn } = opened();
      bidOn('long', 200, 0);
      state.onClockStep(stepMs);
      expect(bidOn('short', 0, stepMs)).toBe(1000);
      expect(state.expire(stepMs + 1000)).toBe(1);
      expect(state.reservations.find('long')).not.toBeNull();
      expect(state.expire(stepMs + 270_000)).toBe(1);
    });

    it('bills after a crash what it held before, and holds back what lost bids of that life may owe', () => {
      const { journal, bidOn } = opened();
      bidOn('d', 200, 0);
      const state = new EdgeState(LONG, () => undefined);
      for (const entry of journal) state.replay(structuredClone(entry));
      state.recovered(2000);
      state.expire(200_000);
      expect(state.ledger.reports()[0]).toMatchObject({ reservedNanos: 1000, freeNanos: 0 });
      const { priceNanos, ...rest } = bid;
      const bill = { ...rest, kind: 'bill' as const, decidedAtMs: 0, grantId: 'g', paidNanos: priceNanos };
      expect(state.applyNotice({ ...bill, decisionId: 'd' }, 250_000)).toBe(true);
      expect(state.applyNotice({ ...bill, decisionId: 'lost' }, 250_000)).toBe(true);
      state.expire(270_000);
      expect(state.ledger.reports()[0]).toMatchObject({ reservedNanos: 0, spentNanos: 200, returnedNanos: 800 });
    });
  });
});

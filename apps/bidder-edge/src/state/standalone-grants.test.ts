import fc from 'fast-check';
import { ZoneClock } from '#domain/calendar';
import { EdgeState } from './edge-state';
import type { JournalEntry } from './journal';

const PLAN_NANOS = 48_000;
const PRICE_NANOS = 500;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ZONES = ['UTC', 'Europe/Berlin', 'America/Sao_Paulo', 'Australia/Lord_Howe', 'Pacific/Apia'];
/** The nights around which clocks change in most zones that change them. */
const NIGHTS = [Date.UTC(2026, 2, 28), Date.UTC(2026, 9, 24), Date.UTC(2026, 3, 4), Date.UTC(2026, 11, 31)];
const LIMITS = {
  bootId: 'boot',
  reservationTtlMs: 5 * MINUTE_MS,
  tokenTtlMs: DAY_MS,
  maxReservations: 10_000,
  maxCapEntries: 10,
  maxNoticeEntries: 100_000,
};

/** Spends everything it is given, and says how much of it was for which local day. */
class Spender {
  private journal: JournalEntry[] = [];
  private state = new EdgeState(LIMITS, (entry) => this.journal.push(structuredClone(entry)));
  private bids = 0;
  readonly spentByDay = new Map<string, number>();

  constructor(private readonly clock: ZoneClock) {}

  step(nowMs: number, stepMs: number): void {
    if (stepMs !== 0) this.state.onClockStep(stepMs);
    const { state } = this;
    state.expire(nowMs);
    state.forgetClosed(state.ledger.closedGrants());
    for (const grant of state.standalone.due({ c: PLAN_NANOS }, () => this.clock, nowMs)) {
      state.addGrant(grant);
      state.ledger.activate(grant.grantId);
    }
    this.spendAll(nowMs);
    state.ledger.assertBalanced();
  }

  crash(nowMs: number): void {
    const entries = this.journal;
    this.journal = [...entries];
    this.state = new EdgeState({ ...LIMITS, bootId: `boot-${nowMs}` }, (entry) =>
      this.journal.push(structuredClone(entry)),
    );
    for (const entry of entries) this.state.replay(structuredClone(entry));
    this.state.recovered(nowMs);
  }

  private spendAll(nowMs: number): void {
    const request = { exchange: 'x', campaignId: 'c', creativeId: 'cr', arm: 'champion' as const };
    for (;;) {
      const priceNanos = PRICE_NANOS;
      const held = this.state.holds.tryReserve({ ...request, priceNanos, userKey: null, caps: [] }, nowMs, true);
      if (held === null) return;
      const decisionId = `d${(this.bids += 1)}`;
      this.state.onBid({ ...held, decisionId });
      const day = this.state.ledger.dump().find(({ grant }) => grant.grantId === held.grantId)?.grant.day ?? '';
      const bill = { ...request, kind: 'bill' as const, decisionId, decidedAtMs: nowMs, grantId: held.grantId };
      this.state.applyNotice({ ...bill, paidNanos: PRICE_NANOS }, nowMs);
      this.spentByDay.set(day, (this.spentByDay.get(day) ?? 0) + PRICE_NANOS);
    }
  }
}

describe('budget of an edge that runs alone', () => {
  it('is one a local day, however the clock is set, through changes of summer time and crashes', () => {
    const hop = fc.oneof(
      { weight: 6, arbitrary: fc.record({ minutes: fc.integer({ min: 1, max: 300 }), stepMs: fc.constant(0) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          minutes: fc.integer({ min: 0, max: 30 }),
          stepMs: fc.constantFrom(-DAY_MS, -60 * MINUTE_MS, 60 * MINUTE_MS, DAY_MS),
        }),
      },
    );
    const hops = fc.array(fc.tuple(hop, fc.boolean()), { minLength: 10, maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.constantFrom(...NIGHTS), hops, (zone, night, path) => {
        const spender = new Spender(new ZoneClock(zone));
        let nowMs = night + 12 * 60 * MINUTE_MS;
        spender.step(nowMs, 0);
        for (const [{ minutes, stepMs }, crashes] of path) {
          nowMs += minutes * MINUTE_MS + stepMs;
          if (crashes && stepMs === 0) spender.crash(nowMs);
          spender.step(nowMs, stepMs);
        }
        for (const spent of spender.spentByDay.values()) expect(spent).toBeLessThanOrEqual(PLAN_NANOS);
        expect(spender.spentByDay.size).toBeGreaterThan(0);
      }),
      { numRuns: 150 },
    );
  });

  it('spends a day of 25 hours on one budget', () => {
    const clock = new ZoneClock('Europe/Berlin');
    const spender = new Spender(clock);
    const hours = new Set<number>();
    for (let nowMs = Date.UTC(2026, 9, 24, 21, 30); nowMs < Date.UTC(2026, 9, 26, 0); nowMs += 10 * MINUTE_MS) {
      spender.step(nowMs, 0);
      if (clock.at(nowMs).day === '2026-10-25') hours.add(Math.floor(nowMs / 3_600_000));
    }
    expect(hours.size).toBe(25);
    expect(spender.spentByDay.get('2026-10-25')).toBe(PLAN_NANOS);
  });
});

import assert from 'node:assert/strict';
import type { BudgetGrant, GrantReport } from '#domain/contracts';
import { Account } from './account';
import { CELL, type AccountRows } from './account-rows';
import type { OpenedAccount } from './thread-state';

/** One grant's account, whole: amount = reserved + spent + free + returned at every moment; nanos. */
export class LedgerAccount extends Account {
  /** What this edge had spent in the lane from other grants when plan and fleet spend were last heard. */
  elsewhereNanos = 0;

  constructor(
    private known: BudgetGrant,
    rows: AccountRows,
  ) {
    super(known, rows, rows.take());
    this.grant = known;
    this.add('free', known.amountNanos);
  }

  get grant(): BudgetGrant {
    return this.known;
  }

  set grant(grant: BudgetGrant) {
    this.known = grant;
    this.put('expiresAt', grant.expiresAtMs);
    this.put('outage', grant.outageNanos);
  }

  /** Where other threads find it. */
  get opened(): OpenedAccount {
    const { grantId, campaignId, arm } = this.known;
    return { grantId, campaignId, arm, at: this.at, generation: this.generation };
  }

  read(cell: keyof typeof CELL): number {
    return this.rows.cells[this.at + CELL[cell]];
  }

  put(cell: keyof typeof CELL, value: number): void {
    this.rows.cells[this.at + CELL[cell]] = value;
  }

  add(cell: keyof typeof CELL, nanos: number): void {
    this.rows.cells[this.at + CELL[cell]] += nanos;
  }

  /** Gives free budget back to the grantor. */
  returnFree(nanos: number): void {
    this.add('returned', nanos);
    this.add('free', -nanos);
  }

  /** What was free may back bids that nobody remembers. */
  hold(untilMs: number): void {
    const free = this.read('free');
    if (this.isClosed || free === 0) return;
    this.add('held', free);
    this.add('reserved', free);
    this.put('free', 0);
    this.put('heldUntil', Math.min(untilMs, Math.max(this.expiresAtMs, 0)));
  }

  /** What was held and free goes back when its time has come. @returns nanos given back */
  expire(nowMs: number): number {
    if (this.isClosed) return 0;
    const before = this.read('returned');
    const held = this.read('held');
    if (held > 0 && this.read('heldUntil') <= nowMs) {
      this.add('reserved', -held);
      this.add('returned', held);
      this.put('held', 0);
    }
    if (this.expiresAtMs <= nowMs) this.returnFree(this.read('free'));
    this.closeIfDone();
    return this.read('returned') - before;
  }

  report(): GrantReport {
    const { grantId, campaignId, arm } = this.grant;
    return {
      ...{ grantId, campaignId, arm },
      reservedNanos: this.read('reserved'),
      spentNanos: this.read('spent'),
      freeNanos: this.read('free'),
      returnedNanos: this.read('returned'),
      lateNanos: this.read('late'),
      closed: this.isClosed,
    };
  }

  /** Double entry. @throws AssertionError */
  assertBalanced(): void {
    const { grantId, amountNanos } = this.grant;
    const parts = (['reserved', 'spent', 'free', 'returned'] as const).map((cell) => this.read(cell));
    assert.equal(
      parts.reduce((sum, nanos) => sum + nanos, 0),
      amountNanos,
      grantId,
    );
    assert(Math.min(...parts, this.read('held')) >= 0, grantId);
    assert(this.read('held') <= this.read('reserved'), grantId);
  }

  /** Frees the account's row for another one. */
  leave(): void {
    this.rows.give(this.at);
  }
}

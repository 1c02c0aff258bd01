import type { BudgetGrant } from '#domain/contracts';
import { CELL, type AccountRows } from './account-rows';

/** What a thread must know of a grant to reserve in it. */
export type GrantName = Pick<BudgetGrant, 'grantId' | 'campaignId' | 'arm'>;

/** The part of one account that bids see, wherever its numbers lie. */
export class Account {
  protected readonly generation: number;

  constructor(
    readonly name: GrantName,
    protected readonly rows: AccountRows,
    readonly at: number,
    generation?: number,
  ) {
    this.generation = generation ?? rows.cells[at + CELL.generation];
  }

  /** Another account has got this one's row. */
  get isGone(): boolean {
    return this.rows.cells[this.at + CELL.generation] !== this.generation;
  }

  get expiresAtMs(): number {
    return this.rows.cells[this.at + CELL.expiresAt];
  }

  get isClosed(): boolean {
    return this.isGone || this.rows.cells[this.at + CELL.closed] !== 0;
  }

  /** Whether bids may be made from it now. */
  isOpen(nowMs: number): boolean {
    return !this.isClosed && this.rows.cells[this.at + CELL.pending] === 0 && this.expiresAtMs > nowMs;
  }

  /** What a bid may take, nanos; what is kept for outages only while the control plane is silent. */
  usableNanos(nowMs: number, reachable: boolean): number {
    if (!this.isOpen(nowMs)) return 0;
    const { cells } = this.rows;
    return Math.max(0, cells[this.at + CELL.free] - (reachable ? cells[this.at + CELL.outage] : 0));
  }

  /** Moves from free to reserved; the caller has asked whether there is room. */
  take(nanos: number): void {
    const { cells } = this.rows;
    cells[this.at + CELL.free] -= nanos;
    cells[this.at + CELL.reserved] += nanos;
  }

  /** A reservation ended: so much of it was spent, the rest is free again. */
  settle(reservedNanos: number, paidNanos: number): void {
    const { cells } = this.rows;
    cells[this.at + CELL.reserved] -= reservedNanos;
    cells[this.at + CELL.spent] += paidNanos;
    const rest = reservedNanos - paidNanos;
    // A grant that was returned or closed meanwhile does not come back to life.
    const isReturned = cells[this.at + CELL.returned] > 0;
    cells[this.at + (isReturned ? CELL.returned : CELL.free)] += rest;
    if (isReturned) this.closeIfDone();
  }

  /** A grant with nothing reserved or free has no future; one fully spent closes when its last reservation settles. */
  closeIfDone(): void {
    const { cells } = this.rows;
    if (cells[this.at + CELL.reserved] === 0 && cells[this.at + CELL.free] === 0) cells[this.at + CELL.closed] = 1;
  }
}

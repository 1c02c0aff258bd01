import type { BidLifeLimits } from '#domain/openrtb';
import type { BudgetLedger } from './budget-ledger';
import { ExpiryQueues } from './expiry-queues';
import type { FrequencyCounts } from './frequency-counts';
import { Holds } from './holds';
import type { Reservation } from './reservation';

/** Voided reservations whose user and caps are remembered for a late bill; never more than notices are. */
export const MAX_VOIDED = 50_000;

/** Open reservations, in queues by how long they live. */
export class Reservations {
  private readonly open = new ExpiryQueues<Reservation>();
  private readonly voided = new Map<string, Reservation>();
  readonly holds: Holds;

  constructor(
    private readonly ledger: BudgetLedger,
    private readonly caps: FrequencyCounts,
    maxOpen: number,
    life: BidLifeLimits,
    private readonly maxVoided: number,
  ) {
    this.holds = new Holds(ledger, caps, life, () => this.open.size < maxOpen);
  }

  get size(): number {
    return this.open.size;
  }

  attach(reservation: Reservation): void {
    this.open.set(reservation.decisionId, reservation);
  }

  /** Puts a journalled reservation back after a restart; its grant must be known and have room. */
  restore(reservation: Reservation): void {
    if (
      this.open.has(reservation.decisionId) ||
      !this.ledger.restoreReserved(reservation.grantId, reservation.priceNanos)
    )
      return;
    for (const capKey of reservation.capKeys) this.caps.restore(capKey, reservation.userKey ?? '');
    this.open.set(reservation.decisionId, reservation);
  }

  find(decisionId: string): Reservation | null {
    return this.open.get(decisionId) ?? null;
  }

  /** User and caps of a reservation that was voided, if still remembered. */
  findVoided(decisionId: string): Reservation | null {
    return this.voided.get(decisionId) ?? null;
  }

  /** Settles to the paid price and confirms the exposure. */
  settle(reservation: Reservation, paidNanos: number, nowMs: number): void {
    this.open.delete(reservation.decisionId);
    this.ledger.settle(reservation.grantId, reservation.priceNanos, paidNanos);
    for (const capKey of reservation.capKeys) this.caps.confirm(capKey, reservation.userKey ?? '', nowMs, true);
  }

  /** Ends without a bill: loss notice or expiry. */
  void(reservation: Reservation): void {
    this.open.delete(reservation.decisionId);
    this.holds.cancel(reservation);
    if (this.voided.size >= this.maxVoided)
      for (const oldest of this.voided.keys()) {
        this.voided.delete(oldest);
        break;
      }
    this.voided.set(reservation.decisionId, reservation);
  }

  /** Voids what ran out, at most so many; answers the decisions. */
  expire(nowMs: number, most = Infinity): string[] {
    const expired: string[] = [];
    for (const reservation of this.open.over(nowMs)) {
      if (expired.length >= most) break;
      this.void(reservation);
      expired.push(reservation.decisionId);
    }
    return expired;
  }

  /** The wall clock was set by `stepMs`: every reservation lives on for as long as it would have. */
  shift(stepMs: number): void {
    for (const reservation of this.open.values()) reservation.expiresAtMs += stepMs;
    this.open.sort();
  }

  /** Restores the order of expiry after a journal put reservations back in another one. */
  sort(): void {
    this.open.sort();
  }

  /** When the last of the open ones ends, epoch ms; 0 without any. */
  lastEndMs(): number {
    let lastMs = 0;
    for (const { expiresAtMs } of this.open.values()) lastMs = Math.max(lastMs, expiresAtMs);
    return lastMs;
  }

  all(): IterableIterator<Reservation> {
    return this.open.values();
  }
}

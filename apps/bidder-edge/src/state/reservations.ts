import type { Arm } from '#domain/contracts';
import { bidLifeMs, type BidLifeLimits } from '#domain/openrtb';
import type { BudgetLedger } from './budget-ledger';
import { ExpiryQueues } from './expiry-queues';
import type { FrequencyCounts } from './frequency-counts';

/** What one bid holds until its bill, its loss or its expiry. */
export interface Reservation {
  decisionId: string;
  exchange: string;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  grantId: string;
  priceNanos: number;
  userKey: string | null;
  capKeys: string[];
  isExploratory: boolean;
  expiresAtMs: number;
}

/** One hard cap that a bid must keep. */
export interface CapLimit {
  readonly capKey: string;
  readonly maxImpressions: number;
}

export interface ReserveRequest {
  exchange: string;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  priceNanos: number;
  userKey: string | null;
  caps: readonly CapLimit[];
  /** Seconds that may pass until the impression; absent or 0 = not said. */
  expirySeconds?: number;
}

/** Voided reservations whose user and caps are remembered for a late bill. */
const MAX_VOIDED = 50_000;

/**
 * Open reservations, in queues by how long they live. Check-and-reserve of caps and budget is one synchronous step: nothing can
 * come between. Bounded: when full, no bid (fail closed).
 */
export class Reservations {
  private readonly open = new ExpiryQueues<Reservation>();
  private readonly voided = new Map<string, Reservation>();

  constructor(
    private readonly ledger: BudgetLedger,
    private readonly caps: FrequencyCounts,
    private readonly maxOpen: number,
    private readonly life: BidLifeLimits,
  ) {}

  get size(): number {
    return this.open.size;
  }

  /** Takes caps and budget, or nothing at all. The caller names the decision by `attach`. */
  tryReserve(request: ReserveRequest, nowMs: number, reachable: boolean): Omit<Reservation, 'decisionId'> | null {
    const { caps, userKey, expirySeconds = 0, ...rest } = request;
    if (this.open.size >= this.maxOpen) return null;
    if (caps.length > 0 && userKey === null) return null;
    let taken = 0;
    for (; taken < caps.length; taken++) {
      if (!this.caps.reserve(caps[taken].capKey, userKey ?? '', caps[taken].maxImpressions, nowMs)) break;
    }
    const grantId =
      taken === caps.length
        ? this.ledger.reserve(request.campaignId, request.arm, request.priceNanos, nowMs, reachable)
        : null;
    if (grantId === null) {
      for (let i = 0; i < taken; i++) this.caps.release(caps[i].capKey, userKey ?? '');
      return null;
    }
    const capKeys = caps.map((cap) => cap.capKey);
    const lifeMs = bidLifeMs(expirySeconds, this.ledger.endsAtMs(grantId) - nowMs, this.life);
    return { ...rest, userKey, capKeys, grantId, isExploratory: false, expiresAtMs: nowMs + lifeMs };
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

  /** Undoes a reservation that never reached the exchange. */
  cancel(reservation: Omit<Reservation, 'decisionId'>): void {
    this.ledger.release(reservation.grantId, reservation.priceNanos);
    for (const capKey of reservation.capKeys) this.caps.release(capKey, reservation.userKey ?? '');
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
    this.cancel(reservation);
    if (this.voided.size >= MAX_VOIDED)
      for (const oldest of this.voided.keys()) {
        this.voided.delete(oldest);
        break;
      }
    this.voided.set(reservation.decisionId, reservation);
  }

  /** Voids what ran out; answers the decisions. */
  expire(nowMs: number): string[] {
    const expired: string[] = [];
    for (const reservation of this.open.over(nowMs)) {
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

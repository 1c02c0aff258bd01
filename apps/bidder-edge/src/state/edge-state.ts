import { MAX_ATTRIBUTION_MINUTES } from '#domain/contracts';
import type { Arm, BudgetGrant, HeartbeatRequest, LateBill, NoticeKind } from '#domain/contracts';
import { userEventKind, type UserEvent } from '#domain/features';
import type { BidLifeLimits } from '#domain/openrtb';
import type { UserHistories } from '../histories';
import { BudgetLedger, type AccountWatcher } from './budget-ledger';
import { exposureKeyOf, type DecisionState } from './decision-state';
import { Exploration } from './exploration';
import { FrequencyCounts } from './frequency-counts';
import type { JournalEntry } from './journal';
import { LiveCounters } from './live-counters';
import { maskOf, NoticeGuard } from './notice-guard';
import { COUNTER_KINDS, stretches, type CounterKind } from './packed-counters';
import { Pacing } from './pacing';
import type { Holds } from './holds';
import type { Reservation } from './reservation';
import { MAX_VOIDED, Reservations } from './reservations';
import { tablesOf, type SharedMemory } from './shared-memory';
import { StandaloneGrants } from './standalone-grants';

export interface StateLimits {
  bootId: string;
  reservationTtlMs: number;
  /** Of a bid on an impression that may take its time (`imp.exp`); absent: no bid is held longer than others. */
  longestReservationMs?: number;
  tokenTtlMs: number;
  maxReservations: number;
  maxCapEntries: number;
  maxNoticeEntries: number;
}

/** A notice about to move money or caps, as its token and price say. */
export interface AcceptedNotice {
  kind: NoticeKind;
  decisionId: string;
  decidedAtMs: number;
  campaignId: string;
  creativeId: string;
  arm: Arm;
  grantId: string;
  exchange: string;
  paidNanos: number;
  /** Null and absent: no user, or no consent to a profile. */
  userKey?: string | null;
}

/** A conversion may be accepted for as long as any campaign lets it count. */
const LONGEST_WINDOW_MS = MAX_ATTRIBUTION_MINUTES * 60_000;

/** How long bids hold what they took; nothing is held for notices that would be refused. */
export function bidLifeOf(
  limits: Pick<StateLimits, 'reservationTtlMs' | 'longestReservationMs' | 'tokenTtlMs'>,
): BidLifeLimits {
  const { reservationTtlMs, longestReservationMs = reservationTtlMs, tokenTtlMs } = limits;
  return {
    leastMs: reservationTtlMs,
    mostMs: Math.max(reservationTtlMs, Math.min(longestReservationMs, tokenTtlMs)),
  };
}

/**
 * All state of the edge and its journal. Changes are applied in memory at once and journalled in the same tick; whoever must
 * not answer before the disk has them waits for the commit.
 */
export class EdgeState implements DecisionState {
  readonly ledger: BudgetLedger;
  readonly caps: FrequencyCounts;
  readonly exposures: FrequencyCounts;
  readonly reservations: Reservations;
  readonly guard: NoticeGuard;
  /** Conversions of their own: they come weeks after everything else of their decision is forgotten. */
  private readonly conversions: NoticeGuard;
  readonly live = new LiveCounters();
  readonly pacing = new Pacing();
  readonly exploration = new Exploration();
  readonly standalone: StandaloneGrants;
  /** How far the wall clock was set forward since this process started, ms; a step back takes from it. */
  private aheadMs = 0;
  private readonly longestLifeMs: number;

  constructor(
    private readonly limits: StateLimits,
    private readonly journal: (entry: JournalEntry) => void,
    memory: SharedMemory | null = null,
    watcher: AccountWatcher | null = null,
    /** Hears of every impression and click whose user may have a profile; null: nobody does. */
    private readonly histories: UserHistories | null = null,
  ) {
    const life = bidLifeOf(limits);
    this.longestLifeMs = life.mostMs;
    const tables = tablesOf(memory);
    this.ledger = new BudgetLedger(tables.rows, tables.budgetLock, watcher);
    this.caps = new FrequencyCounts(limits.maxCapEntries, tables.caps, tables.countLock);
    this.exposures = new FrequencyCounts(limits.maxCapEntries, tables.exposures, tables.countLock);
    const maxVoided = Math.min(MAX_VOIDED, limits.maxNoticeEntries);
    this.reservations = new Reservations(this.ledger, this.caps, limits.maxReservations, life, maxVoided);
    this.guard = new NoticeGuard(limits.maxNoticeEntries);
    this.conversions = new NoticeGuard(limits.maxNoticeEntries);
    this.standalone = new StandaloneGrants(this.ledger, limits.bootId);
  }

  get budgets(): BudgetLedger {
    return this.ledger;
  }

  get holds(): Holds {
    return this.reservations.holds;
  }

  get openReservations(): number {
    return this.reservations.size;
  }

  /**
   * Takes a grant; it can be used once `durable` (the commit that holds it) has succeeded.
   * @param takesLate it pays the lane's late bills: a slice that this edge gives itself
   */
  addGrant(grant: BudgetGrant, takesLate = false): void {
    this.ledger.add(grant, true, takesLate);
    this.journal({ kind: 'grant', grant, takesLate });
  }

  /** Which notices of a kind were accepted. */
  guardOf(kind: NoticeKind): NoticeGuard {
    return kind === 'conversion' ? this.conversions : this.guard;
  }

  /** Grants that the disk refused go to the journal once more; answers those to activate when it takes them. */
  retryGrants(): string[] {
    const waiting = this.ledger.suspended();
    // Late bills that such a grant took come with it: whoever replays it finds them waiting.
    for (const grant of waiting) this.journal({ kind: 'grant', grant, takesLate: this.standalone.isOwn(grant) });
    return waiting.map((grant) => grant.grantId);
  }

  /** A bid goes out: its reservation has a name now. */
  onBid(reservation: Reservation): void {
    this.reservations.attach(reservation);
    this.journal({ kind: 'bid', reservation });
  }

  /** Applies a notice that the guard let through. True when its reservation was live (money was held for it). */
  applyNotice(notice: AcceptedNotice, nowMs: number): boolean {
    const { isLive, lateGrantId } = this.move(notice, nowMs);
    const { kind, decisionId, decidedAtMs, campaignId, creativeId, arm, grantId, paidNanos } = notice;
    const event = this.histories === null ? null : userEventOf(kind, notice, nowMs);
    if (event !== null) this.histories?.note(event);
    this.journal({
      kind: 'notice',
      notice: kind,
      ...{ decisionId, decidedAtMs, atMs: nowMs, campaignId, creativeId, arm, grantId, paidNanos, isLive, lateGrantId },
      ...(event !== null && { userKey: event.userKey }),
    });
    return isLive;
  }

  /** Voids expired reservations, returns expired grants, forgets tokens that expired. Answers how many bids expired. */
  expire(nowMs: number): number {
    const bids = this.expireBids(nowMs);
    for (const returned of this.ledger.expire(nowMs)) this.journal({ kind: 'returned', ...returned });
    const oldestMs = nowMs - this.limits.tokenTtlMs - this.aheadMs;
    this.guard.expire(oldestMs);
    this.conversions.expire(oldestMs - LONGEST_WINDOW_MS);
    return bids;
  }

  /** Voids expired reservations, at most so many. Answers how many. */
  expireBids(nowMs: number, most = Infinity): number {
    const decisionIds = this.reservations.expire(nowMs, most);
    if (decisionIds.length > 0) this.journal({ kind: 'voided', decisionIds });
    return decisionIds.length;
  }

  /**
   * The wall clock was set by `stepMs`. Nothing ends sooner or later for it: grants end when their grantor reckons, and a
   * reservation made before a step back must not outlive the grant that pays for it. What the guard knows it keeps until its
   * tokens are over by the old clock as well: should the new one be wrong, they will be good again.
   */
  onClockStep(stepMs: number): void {
    this.shift(stepMs);
    this.journal({ kind: 'clock', stepMs });
    this.aheadMs = Math.max(0, this.aheadMs + stepMs);
  }

  returnLeases(): void {
    for (const returned of this.ledger.returnAll()) this.journal({ kind: 'returned', ...returned });
  }

  /** Forgets closed grants; `grantIds` null means all of them (nobody else keeps accounts). */
  forgetClosed(grantIds: readonly string[]): void {
    for (const { grant, spentNanos, lateNanos, closed } of this.ledger.dump()) {
      if (!closed || !grantIds.includes(grant.grantId)) continue;
      this.standalone.onClosed(grant.campaignId, grant.day, spentNanos + lateNanos);
      this.ledger.forget([grant.grantId]);
      this.journal({ kind: 'closed', grantId: grant.grantId });
    }
  }

  /** The control plane has answered a report: what it closed is forgotten, late bills that it has booked wait no longer. */
  onReported({ grants, lateBills }: Pick<HeartbeatRequest, 'grants' | 'lateBills'>, booked: readonly string[]): void {
    this.forgetClosed(grants.filter((grant) => grant.closed).map((grant) => grant.grantId));
    const decisionIds = this.ledger.late.booked(booked);
    if (decisionIds.length > 0) this.journal({ kind: 'late-booked', decisionIds });
    this.ledger.late.postpone(lateBills.map((bill) => bill.decisionId));
  }

  /** One journalled entry of the last life. Replaying it twice changes nothing more. */
  replay(entry: JournalEntry): void {
    switch (entry.kind) {
      case 'grant':
        return void this.ledger.add(entry.grant, false, entry.takesLate ?? true);
      case 'account':
        return this.ledger.load(entry.account);
      case 'returned':
        return this.ledger.restoreReturned(entry.grantId, entry.nanos);
      case 'voided':
        return this.replayVoided(entry.decisionIds);
      case 'closed':
        return this.replayClosed(entry.grantId);
      case 'bid':
        return this.replayBid(entry.reservation);
      case 'notice':
        return this.replayNotice(entry);
      case 'late':
        return this.ledger.late.add(lateBillOfLane(entry.lane, entry.nanos, this.limits.bootId));
      case 'late-bill':
        return this.ledger.late.add(entry.bill);
      case 'late-booked':
        return void this.ledger.late.booked(entry.decisionIds);
      case 'day':
        return this.standalone.onClosed(entry.campaignId, entry.day, entry.nanos);
      case 'cap':
        return this.caps.loadText(entry.key, entry.buckets);
      case 'exposure':
        return this.exposures.loadText(entry.key, entry.buckets);
      case 'counters':
        return entry.counters.forEach((counter) => this.countsOf(entry.of).load(counter));
      case 'seen':
        return this.loadSeen(entry);
      case 'forgotten':
        return (entry.of === 'conversions' ? this.conversions : this.guard).loadForgotten(entry.upToMs);
      case 'clock':
        return this.shift(entry.stepMs);
      case 'history':
        return this.histories?.load(entry.saved);
      case 'probe':
        return undefined;
    }
  }

  /** After the journal was replayed: what nobody remembers is held back until its bids can no longer bill. */
  recovered(nowMs: number): void {
    this.reservations.sort();
    // The bids that the journal lost were made last, and live no longer than the longest of those before them or the usual time.
    this.ledger.quarantine(Math.max(nowMs + this.limits.reservationTtlMs, this.reservations.lastEndMs()));
    this.expire(nowMs);
  }

  /** The state of this moment as journal entries, but for users' pasts: accounts before the reservations that use them. */
  *dump(nowMs: number): Generator<JournalEntry> {
    for (const account of this.ledger.dump()) yield { kind: 'account', account };
    for (const bill of this.ledger.late.all()) yield { kind: 'late-bill', bill };
    for (const day of this.standalone.days()) yield { kind: 'day', ...day };
    yield { kind: 'forgotten', upToMs: this.guard.forgottenUpTo };
    yield { kind: 'forgotten', upToMs: this.conversions.forgottenUpTo, of: 'conversions' };
    for (const guard of [this.guard, this.conversions])
      for (const [decisionId, mask, decidedAtMs] of guard.dump()) yield { kind: 'seen', decisionId, mask, decidedAtMs };
    for (const counted of COUNTER_KINDS)
      for (const counters of stretches(this.countsOf(counted).dump(nowMs)))
        yield { kind: 'counters', of: counted, counters };
    for (const reservation of this.reservations.all()) yield { kind: 'bid', reservation };
  }

  /** Users' pasts as they are when the first is taken, whatever happens until the last is. */
  *dumpHistories(nowMs: number): Generator<JournalEntry> {
    for (const saved of this.histories?.dump(nowMs) ?? []) yield { kind: 'history', saved };
  }

  private countsOf(kind: CounterKind): FrequencyCounts {
    return kind === 'cap' ? this.caps : this.exposures;
  }

  private move(notice: AcceptedNotice, nowMs: number): { isLive: boolean; lateGrantId?: string | null } {
    const { kind, decisionId, campaignId, arm, paidNanos } = notice;
    const reservation = this.reservations.find(decisionId);
    if (kind === 'win') this.live.onWin(arm, notice.exchange, nowMs);
    if (kind === 'loss' && reservation) this.reservations.void(reservation);
    if (kind !== 'bill') return { isLive: reservation !== null };
    if (reservation) this.reservations.settle(reservation, paidNanos, nowMs);
    const mayBeHeld = notice.decidedAtMs + this.longestLifeMs > nowMs;
    const isLive = reservation !== null || (mayBeHeld && this.ledger.settleHeld(notice.grantId, paidNanos));
    const lateGrantId = isLive ? undefined : this.ledger.chargeLate(lateBillOf(notice));
    this.expose(reservation, notice, nowMs);
    this.exploration.onBill(campaignId, arm, paidNanos, reservation?.isExploratory ?? false, nowMs);
    return { isLive, lateGrantId };
  }

  /** The impression happened, whatever became of its reservation: caps and fatigue count it. */
  private expose(
    reservation: Reservation | null,
    notice: { decisionId: string; creativeId: string },
    atMs: number,
  ): void {
    const known = reservation ?? this.reservations.findVoided(notice.decisionId);
    if (!known || known.userKey === null) return;
    if (reservation === null) for (const capKey of known.capKeys) this.caps.confirm(capKey, known.userKey, atMs, false);
    this.exposures.confirmIfRoom(exposureKeyOf(notice.creativeId), known.userKey, atMs);
  }

  private replayClosed(grantId: string): void {
    for (const { grant, spentNanos, lateNanos } of this.ledger.dump())
      if (grant.grantId === grantId) this.standalone.onClosed(grant.campaignId, grant.day, spentNanos + lateNanos);
    this.ledger.forget([grantId]);
  }

  private shift(stepMs: number): void {
    this.ledger.shift(stepMs);
    this.reservations.shift(stepMs);
  }

  private replayVoided(decisionIds: readonly string[]): void {
    for (const decisionId of decisionIds) {
      const reservation = this.reservations.find(decisionId);
      if (reservation) this.reservations.void(reservation);
    }
  }

  private replayBid(reservation: Reservation): void {
    const { decisionId } = reservation;
    if (!this.guard.has(decisionId, 'bill') && !this.guard.has(decisionId, 'loss'))
      this.reservations.restore(reservation);
  }

  private replayLate(entry: Extract<JournalEntry, { kind: 'notice' }>): void {
    if (entry.lateGrantId === undefined) this.ledger.chargeLate(lateBillOf(entry));
    else this.ledger.restoreLate(lateBillOf(entry), entry.lateGrantId);
  }

  /** What was accepted of one decision; conversions are remembered apart, in older journals they are not. */
  private loadSeen({ decisionId, mask, decidedAtMs }: Extract<JournalEntry, { kind: 'seen' }>): void {
    const ofConversion = mask & maskOf('conversion');
    if (ofConversion !== 0) this.conversions.load(decisionId, ofConversion, decidedAtMs);
    if (mask !== ofConversion) this.guard.load(decisionId, mask & ~ofConversion, decidedAtMs);
  }

  private replayNotice(entry: Extract<JournalEntry, { kind: 'notice' }>): void {
    const { notice, decisionId } = entry;
    const guard = this.guardOf(notice);
    const wasApplied = guard.has(decisionId, notice);
    guard.load(decisionId, maskOf(notice), entry.decidedAtMs);
    const reservation = this.reservations.find(decisionId);
    const event = wasApplied ? null : userEventOf(notice, entry, entry.atMs);
    if (event !== null) this.histories?.restore(event);
    if (wasApplied || (notice !== 'bill' && notice !== 'loss')) return;
    if (notice === 'loss' || (reservation && !entry.isLive)) {
      if (reservation) this.reservations.void(reservation);
      if (notice === 'loss') return;
    }
    if (!entry.isLive) this.replayLate(entry);
    else if (reservation) this.reservations.settle(reservation, entry.paidNanos, entry.atMs);
    else if (!this.ledger.restoreSpent(entry.grantId, entry.paidNanos)) this.ledger.chargeLate(lateBillOf(entry));
    this.expose(entry.isLive ? reservation : null, entry, entry.atMs);
  }
}

const lateBillOf = ({ decisionId, grantId, campaignId, arm, paidNanos }: LateBill): LateBill => ({
  ...{ decisionId, grantId, campaignId, arm, paidNanos },
});

/** A lane's late bills of a journal that knew only their sum, under a name that no decision has. */
function lateBillOfLane(lane: string, paidNanos: number, bootId: string): LateBill {
  const at = lane.lastIndexOf('|');
  const arm: Arm = lane.slice(at + 1) === 'canary' ? 'canary' : 'champion';
  return { decisionId: `late:${bootId}:${lane}`, grantId: '', campaignId: lane.slice(0, at), arm, paidNanos };
}

/** What a notice adds to its user's history; null: nothing. */
function userEventOf(
  notice: NoticeKind,
  { decisionId, userKey }: { decisionId: string; userKey?: string | null },
  atMs: number,
): UserEvent | null {
  const kind = userEventKind(notice);
  return kind === null || userKey == null ? null : { kind, userKey, atMs, eventId: decisionId };
}

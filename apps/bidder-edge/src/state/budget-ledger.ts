import assert from 'node:assert/strict';
import type { Arm, BudgetGrant, GrantReport, LateBill } from '#domain/contracts';
import { underLock, type Lock } from '../shared-lock';
import { AccountRows } from './account-rows';
import { LaneBudgets } from './lane-budgets';
import { LateBills } from './late-bills';
import { LedgerAccount } from './ledger-account';
import type { OpenedAccount } from './thread-state';

/** An account as a checkpoint keeps it; reserved and free follow from the reservations. */
export interface SavedAccount {
  grant: BudgetGrant;
  spentNanos: number;
  returnedNanos: number;
  lateNanos: number;
  closed: boolean;
}

/** What one grant gave back to its grantor. */
export interface Returned {
  grantId: string;
  nanos: number;
}

const laneOf = (campaignId: string, arm: Arm): string => `${campaignId}|${arm}`;

/** What happens to accounts, for threads that bid from them. */
export interface AccountWatcher {
  onOpen(account: OpenedAccount): void;
  onDrop(grantId: string): void;
}

/**
 * Budget that this edge may spend alone. Grants come from the control plane (or from the shipped snapshot); a bid reserves
 * its full price in one grant until bill, loss or expiry. Pure bookkeeping: time and reachability are arguments.
 */
export class BudgetLedger extends LaneBudgets<LedgerAccount> {
  /** Everything spent per lane since this process started, late bills included. */
  private readonly laneSpent = new Map<string, number>();
  /** Late bills of lanes that had no open grant at the time. */
  readonly late = new LateBills();

  constructor(
    private readonly rows = new AccountRows(),
    lock?: Lock,
    private readonly watcher: AccountWatcher | null = null,
  ) {
    super(lock);
  }

  /**
   * Adds a grant, or refreshes plan and expiry of one that is known. True when it is new.
   * @param takesLate the grant pays the late bills of its lane: nobody else keeps books of them
   */
  add(grant: BudgetGrant, isPending = false, takesLate = false): boolean {
    return underLock(this.lock, () => {
      const known = this.byId.get(grant.grantId);
      if (!known) return this.addNew(grant, isPending, takesLate);
      if (known.isClosed) return false;
      // The amount never changes after the grant was made: anything else would break the identity on either side. What is
      // kept for outages only shrinks, whichever copy of the grant comes last.
      const { amountNanos, outageNanos } = known.grant;
      known.grant = { ...grant, amountNanos, outageNanos: Math.min(outageNanos, grant.outageNanos) };
      known.elsewhereNanos = this.spentElsewhere(known);
      return false;
    });
  }

  /** A grant that was added as pending is on disk: bids may use it. */
  activate(grantId: string): void {
    this.byId.get(grantId)?.put('pending', 0);
  }

  /** Grants that wait for the disk. */
  suspended(): BudgetGrant[] {
    return [...this.byId.values()].filter((account) => account.read('pending') !== 0).map(({ grant }) => grant);
  }

  /** A reservation was billed: `paidNanos` <= `reservedNanos` is spent, the rest is free again. */
  settle(grantId: string, reservedNanos: number, paidNanos: number): void {
    underLock(this.lock, () => {
      const account = this.must(grantId);
      assert(paidNanos >= 0 && paidNanos <= reservedNanos && reservedNanos <= account.read('reserved'));
      account.settle(reservedNanos, paidNanos);
      this.addSpent(account, paidNanos);
    });
  }

  /**
   * A bill after its reservation was voided: real spend that no grant held. Charged to the newest open grant, or else kept
   * until it is booked elsewhere (`late`).
   * @returns the grant, null without one
   */
  chargeLate(bill: LateBill): string | null {
    const open = this.byLane.get(bill.campaignId, bill.arm)?.findLast((account) => !account.isClosed);
    return this.restoreLate(bill, open?.grant.grantId ?? null);
  }

  /** Replay: charged where it was charged then, whatever is open now: a late bill on a grant that is forgotten is lost. */
  restoreLate(bill: LateBill, grantId: string | null): string | null {
    const { paidNanos } = bill;
    const lane = laneOf(bill.campaignId, bill.arm);
    this.laneSpent.set(lane, (this.laneSpent.get(lane) ?? 0) + paidNanos);
    const account = grantId === null ? undefined : this.byId.get(grantId);
    if (account) account.add('late', paidNanos);
    else this.late.add(bill);
    return account ? grantId : null;
  }

  /** After a crash: what was free may back bids nobody remembers, so it is held until `untilMs` and then returned. */
  quarantine(untilMs: number): void {
    underLock(this.lock, () => this.byId.forEach((account) => account.hold(untilMs)));
  }

  /** A bill of a forgotten bid, paid from what is held for such bids. False when nothing (enough) is held. */
  settleHeld(grantId: string, paidNanos: number): boolean {
    return underLock(this.lock, () => {
      const account = this.byId.get(grantId);
      if (!account || account.read('held') < paidNanos) return false;
      for (const cell of ['held', 'reserved'] as const) account.add(cell, -paidNanos);
      account.add('spent', paidNanos);
      this.addSpent(account, paidNanos);
      return true;
    });
  }

  /** The wall clock was set by `stepMs`: every grant and quarantine lives on for as long as it would have. */
  shift(stepMs: number): void {
    for (const account of this.byId.values()) {
      account.grant = { ...account.grant, expiresAtMs: account.grant.expiresAtMs + stepMs };
      account.add('heldUntil', stepMs);
    }
  }

  /**
   * Returns what expired grants still have free, ends quarantines, closes grants with nothing open.
   * Answers what each grant gave back, for the journal.
   */
  expire(nowMs: number): Returned[] {
    return this.giveBack((account) => account.expire(nowMs)).filter(({ nanos }) => nanos > 0);
  }

  /** Shutdown: everything free goes back. Answers what each grant gave back. */
  returnAll(): Returned[] {
    return this.giveBack((account) => {
      const nanos = account.read('free');
      account.returnFree(nanos);
      account.closeIfDone();
      return nanos;
    });
  }

  /** Replay of a journalled return; journals of older versions say not how much, and mean everything free. */
  restoreReturned(grantId: string, nanos: number | undefined): void {
    const account = this.byId.get(grantId);
    account?.returnFree(Math.min(account.read('free'), nanos ?? Infinity));
    account?.closeIfDone();
  }

  /** Replay: a journalled reservation takes its price again. False when the grant is unknown or has no room. */
  restoreReserved(grantId: string, priceNanos: number): boolean {
    const account = this.byId.get(grantId);
    if (!account || account.read('free') < priceNanos) return false;
    account.take(priceNanos);
    account.put('closed', 0);
    return true;
  }

  /** Replay: a bill that was paid without a remembered reservation. False when the grant has no room for it. */
  restoreSpent(grantId: string, paidNanos: number): boolean {
    const account = this.byId.get(grantId);
    if (!account || account.read('free') < paidNanos) return false;
    account.add('free', -paidNanos);
    account.add('spent', paidNanos);
    this.addSpent(account, paidNanos);
    return true;
  }

  /** Every account for a checkpoint, and back. */
  dump(): SavedAccount[] {
    return underLock(this.lock, () =>
      [...this.byId.values()].map((account) => ({
        grant: account.grant,
        spentNanos: account.read('spent'),
        returnedNanos: account.read('returned'),
        lateNanos: account.read('late'),
        closed: account.isClosed,
      })),
    );
  }

  /** Reservations are restored after their accounts; until then their part is free. */
  load(saved: SavedAccount): void {
    if (!this.add(saved.grant)) return;
    const account = this.must(saved.grant.grantId);
    account.put('spent', saved.spentNanos);
    account.put('returned', saved.returnedNanos);
    account.put('free', saved.grant.amountNanos - saved.spentNanos - saved.returnedNanos);
    account.put('late', saved.lateNanos);
    account.put('closed', Number(saved.closed));
    account.elsewhereNanos = this.spentElsewhere(account);
  }

  /** Every account as other threads must know it. */
  opened(): OpenedAccount[] {
    return [...this.byId.values()].map((account) => account.opened);
  }

  /** Grants with nothing reserved or free. */
  closedGrants(): string[] {
    return [...this.byId.values()].filter((account) => account.isClosed).map(({ grant }) => grant.grantId);
  }

  /** Forgets grants whose closed report the control plane has received. */
  forget(grantIds: readonly string[]): void {
    for (const grantId of grantIds) {
      const account = this.byId.get(grantId);
      if (!account?.isClosed) continue;
      underLock(this.lock, () => account.leave());
      this.drop(grantId);
      this.watcher?.onDrop(grantId);
    }
  }

  reports(): GrantReport[] {
    return underLock(this.lock, () => [...this.byId.values()].map((account) => account.report()));
  }

  /** Lanes with open grants, and what pacing steers by: the newest plan and the arm's spend today, nanos. */
  plans(): { campaignId: string; arm: Arm; day: string; planNanos: number; spentNanos: number }[] {
    const plans = [];
    for (const accounts of this.byLane.values()) {
      const newest = accounts.findLast((account) => !account.isClosed);
      if (!newest) continue;
      const { campaignId, arm, day, dayPlanNanos, daySpentNanos } = newest.grant;
      // The fleet's sum leaves out the newest grant itself; what this edge spends from older ones meanwhile comes on top.
      const sinceHeard = this.spentElsewhere(newest) - newest.elsewhereNanos;
      const spentNanos = daySpentNanos + newest.read('spent') + newest.read('late') + Math.max(0, sinceHeard);
      plans.push({ campaignId, arm, day, planNanos: dayPlanNanos, spentNanos });
    }
    return plans;
  }

  /** Double entry; called by tests and by the heartbeat in development. Throws AssertionError. */
  assertBalanced(): void {
    underLock(this.lock, () => this.byId.forEach((account) => account.assertBalanced()));
  }

  private addNew(grant: BudgetGrant, isPending: boolean, takesLate: boolean): boolean {
    const lane = laneOf(grant.campaignId, grant.arm);
    const account = new LedgerAccount(grant, this.rows);
    if (takesLate) account.put('late', this.late.takeLane(grant.campaignId, grant.arm));
    account.put('pending', Number(isPending));
    account.elsewhereNanos = this.laneSpent.get(lane) ?? 0;
    this.open(account);
    this.watcher?.onOpen(account.opened);
    return true;
  }

  private giveBack(part: (account: LedgerAccount) => number): Returned[] {
    return underLock(this.lock, () =>
      [...this.byId.values()].map((account) => ({ grantId: account.grant.grantId, nanos: part(account) })),
    );
  }

  private addSpent({ grant }: LedgerAccount, paidNanos: number): void {
    const lane = laneOf(grant.campaignId, grant.arm);
    this.laneSpent.set(lane, (this.laneSpent.get(lane) ?? 0) + paidNanos);
  }

  private spentElsewhere(account: LedgerAccount): number {
    const { campaignId, arm } = account.grant;
    return (this.laneSpent.get(laneOf(campaignId, arm)) ?? 0) - account.read('spent') - account.read('late');
  }
}

import assert from 'node:assert/strict';
import type { Arm, BudgetGrant, GrantReport } from '#domain/contracts';
import { LaneMap } from './lane-map';

/** One grant's account: amount = reserved + spent + free + returned at every moment; nanos. */
interface Account {
  grant: BudgetGrant;
  reservedNanos: number;
  spentNanos: number;
  freeNanos: number;
  returnedNanos: number;
  /** Bills whose reservation had been voided; real spend beside the identity, charged by whoever grants next. */
  lateNanos: number;
  /** Part of `reservedNanos` held for bids of a process that died, until `heldUntilMs`. */
  heldNanos: number;
  heldUntilMs: number;
  /** What this edge had spent in the lane from other grants when plan and fleet spend were last heard. */
  elsewhereNanos: number;
  /** Not on disk yet: a bid may not use it, or a crash would forget what it owes. */
  isPending: boolean;
  closed: boolean;
}

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
const NO_ACCOUNTS: readonly Account[] = [];

/**
 * Budget that this edge may spend alone. Grants come from the control plane (or from the shipped snapshot); a bid reserves
 * its full price in one grant until bill, loss or expiry. Pure bookkeeping: time and reachability are arguments.
 */
export class BudgetLedger {
  private readonly byId = new Map<string, Account>();
  private readonly byLane = new LaneMap<Account[]>();
  /** Everything spent per lane since this process started, late bills included. */
  private readonly laneSpent = new Map<string, number>();
  /** Late bills of lanes that have no open grant at the time. */
  private readonly unplacedLate = new Map<string, number>();

  /** Adds a grant, or refreshes plan and expiry of one that is known. True when it is new. */
  add(grant: BudgetGrant): boolean {
    const known = this.byId.get(grant.grantId);
    if (known) {
      if (known.closed) return false;
      // The amount never changes after the grant was made: anything else would break the identity on either side. What is
      // kept for outages only shrinks, whichever copy of the grant comes last.
      const { amountNanos, outageNanos } = known.grant;
      known.grant = { ...grant, amountNanos, outageNanos: Math.min(outageNanos, grant.outageNanos) };
      known.elsewhereNanos = this.spentElsewhere(known);
      return false;
    }
    const lane = laneOf(grant.campaignId, grant.arm);
    const lateNanos = this.unplacedLate.get(lane) ?? 0;
    this.unplacedLate.delete(lane);
    const account: Account = {
      grant,
      reservedNanos: 0,
      spentNanos: 0,
      freeNanos: grant.amountNanos,
      returnedNanos: 0,
      lateNanos,
      heldNanos: 0,
      heldUntilMs: 0,
      elsewhereNanos: this.laneSpent.get(lane) ?? 0,
      isPending: false,
      closed: false,
    };
    this.byId.set(grant.grantId, account);
    const accounts = this.byLane.get(grant.campaignId, grant.arm);
    if (accounts) accounts.push(account);
    else this.byLane.set(grant.campaignId, grant.arm, [account]);
    return true;
  }

  /** Marks a grant as not durable yet; nothing is reserved in it until `activate`. */
  suspend(grantId: string): void {
    this.must(grantId).isPending = true;
  }

  activate(grantId: string): void {
    const account = this.byId.get(grantId);
    if (account) account.isPending = false;
  }

  /** Grants that wait for the disk. */
  suspended(): BudgetGrant[] {
    return [...this.byId.values()].filter((account) => account.isPending).map((account) => account.grant);
  }

  /** Budget that a bid of this campaign and arm may still reserve, nanos: the largest single grant's room is not it, the sum is. */
  freeNanos(campaignId: string, arm: Arm, nowMs: number, reachable: boolean): number {
    let free = 0;
    for (const account of this.byLane.get(campaignId, arm) ?? NO_ACCOUNTS) free += usable(account, nowMs, reachable);
    return free;
  }

  /** Whether an arm has a living grant, spent or not: without one it was never given a budget. */
  hasGrant(arm: Arm, nowMs: number): boolean {
    for (const { grant, closed, isPending } of this.byId.values())
      if (grant.arm === arm && !closed && !isPending && grant.expiresAtMs > nowMs) return true;
    return false;
  }

  /** When a known grant ends, epoch ms. */
  endsAtMs(grantId: string): number {
    return this.must(grantId).grant.expiresAtMs;
  }

  /** Takes `priceNanos` out of one grant, the one that ends first. Null when none has room: fail closed. */
  reserve(campaignId: string, arm: Arm, priceNanos: number, nowMs: number, reachable: boolean): string | null {
    // NaN is not more than what is free, and one of it would make an account unlimited for good.
    assert(Number.isSafeInteger(priceNanos) && priceNanos >= 0, `a price of ${priceNanos} nanos`);
    let best: Account | null = null;
    for (const account of this.byLane.get(campaignId, arm) ?? NO_ACCOUNTS) {
      if (usable(account, nowMs, reachable) < priceNanos) continue;
      if (best === null || account.grant.expiresAtMs < best.grant.expiresAtMs) best = account;
    }
    if (best === null) return null;
    best.freeNanos -= priceNanos;
    best.reservedNanos += priceNanos;
    return best.grant.grantId;
  }

  /** A reservation was billed: `paidNanos` <= `reservedNanos` is spent, the rest is free again. */
  settle(grantId: string, reservedNanos: number, paidNanos: number): void {
    const account = this.must(grantId);
    assert(paidNanos >= 0 && paidNanos <= reservedNanos && reservedNanos <= account.reservedNanos);
    account.reservedNanos -= reservedNanos;
    account.spentNanos += paidNanos;
    this.addSpent(account, paidNanos);
    this.giveBack(account, reservedNanos - paidNanos);
  }

  /** A reservation ended without a bill. */
  release(grantId: string, reservedNanos: number): void {
    this.settle(grantId, reservedNanos, 0);
  }

  /**
   * A bill after its reservation was voided: real spend that no grant held. Charged to the newest open grant, or to the next one.
   * @returns the grant, null for the next one
   */
  chargeLate(campaignId: string, arm: Arm, paidNanos: number): string | null {
    const open = this.byLane.get(campaignId, arm)?.findLast((account) => !account.closed);
    return this.restoreLate(campaignId, arm, paidNanos, open?.grant.grantId ?? null);
  }

  /** Replay: charged where it was charged then, whatever is open now: a late bill on a grant that is forgotten is lost. */
  restoreLate(campaignId: string, arm: Arm, paidNanos: number, grantId: string | null): string | null {
    const lane = laneOf(campaignId, arm);
    this.laneSpent.set(lane, (this.laneSpent.get(lane) ?? 0) + paidNanos);
    const account = grantId === null ? undefined : this.byId.get(grantId);
    if (account) account.lateNanos += paidNanos;
    else this.unplacedLate.set(lane, (this.unplacedLate.get(lane) ?? 0) + paidNanos);
    return account ? grantId : null;
  }

  /** After a crash: what was free may back bids nobody remembers, so it is held until `untilMs` and then returned. */
  quarantine(untilMs: number): void {
    for (const account of this.byId.values()) {
      if (account.closed || account.freeNanos === 0) continue;
      account.heldNanos += account.freeNanos;
      account.reservedNanos += account.freeNanos;
      account.freeNanos = 0;
      account.heldUntilMs = Math.min(untilMs, Math.max(account.grant.expiresAtMs, 0));
    }
  }

  /** A bill of a forgotten bid, paid from what is held for such bids. False when nothing (enough) is held. */
  settleHeld(grantId: string, paidNanos: number): boolean {
    const account = this.byId.get(grantId);
    if (!account || account.heldNanos < paidNanos) return false;
    account.heldNanos -= paidNanos;
    account.reservedNanos -= paidNanos;
    account.spentNanos += paidNanos;
    this.addSpent(account, paidNanos);
    return true;
  }

  /** The wall clock was set by `stepMs`: every grant and quarantine lives on for as long as it would have. */
  shift(stepMs: number): void {
    for (const account of this.byId.values()) {
      account.grant = { ...account.grant, expiresAtMs: account.grant.expiresAtMs + stepMs };
      account.heldUntilMs += stepMs;
    }
  }

  /**
   * Returns what expired grants still have free, ends quarantines, closes grants with nothing open.
   * Answers what each grant gave back, for the journal.
   */
  expire(nowMs: number): Returned[] {
    const returned: Returned[] = [];
    for (const account of this.byId.values()) {
      if (account.closed) continue;
      const before = account.returnedNanos;
      if (account.heldNanos > 0 && account.heldUntilMs <= nowMs) {
        account.reservedNanos -= account.heldNanos;
        account.returnedNanos += account.heldNanos;
        account.heldNanos = 0;
      }
      if (account.grant.expiresAtMs <= nowMs) returnFree(account, account.freeNanos);
      closeIfDone(account);
      const nanos = account.returnedNanos - before;
      if (nanos > 0) returned.push({ grantId: account.grant.grantId, nanos });
    }
    return returned;
  }

  /** Shutdown: everything free goes back. Answers what each grant gave back. */
  returnAll(): Returned[] {
    return [...this.byId.values()].map((account) => {
      const nanos = account.freeNanos;
      returnFree(account, nanos);
      closeIfDone(account);
      return { grantId: account.grant.grantId, nanos };
    });
  }

  /** Replay of a journalled return; journals of older versions say not how much, and mean everything free. */
  restoreReturned(grantId: string, nanos: number | undefined): void {
    const account = this.byId.get(grantId);
    if (!account) return;
    returnFree(account, Math.min(account.freeNanos, nanos ?? Infinity));
    closeIfDone(account);
  }

  /** Replay: a journalled reservation takes its price again. False when the grant is unknown or has no room. */
  restoreReserved(grantId: string, priceNanos: number): boolean {
    const account = this.byId.get(grantId);
    if (!account || account.freeNanos < priceNanos) return false;
    account.freeNanos -= priceNanos;
    account.reservedNanos += priceNanos;
    account.closed = false;
    return true;
  }

  /** Replay: a bill that was paid without a remembered reservation. False when the grant has no room for it. */
  restoreSpent(grantId: string, paidNanos: number): boolean {
    const account = this.byId.get(grantId);
    if (!account || account.freeNanos < paidNanos) return false;
    account.freeNanos -= paidNanos;
    account.spentNanos += paidNanos;
    this.addSpent(account, paidNanos);
    return true;
  }

  /** Every account for a checkpoint, and back. */
  dump(): SavedAccount[] {
    const accounts = [...this.byId.values()].map(({ grant, spentNanos, returnedNanos, lateNanos, closed }) => ({
      grant,
      spentNanos,
      returnedNanos,
      lateNanos,
      closed,
    }));
    return accounts;
  }

  /** Reservations are restored after their accounts; until then their part is free. */
  load(saved: SavedAccount): void {
    if (!this.add(saved.grant)) return;
    const account = this.must(saved.grant.grantId);
    account.spentNanos = saved.spentNanos;
    account.returnedNanos = saved.returnedNanos;
    account.freeNanos = saved.grant.amountNanos - saved.spentNanos - saved.returnedNanos;
    account.lateNanos = saved.lateNanos;
    account.closed = saved.closed;
    account.elsewhereNanos = this.spentElsewhere(account);
  }

  /** Late bills that no grant has taken yet: [lane, nanos]. */
  unplaced(): [string, number][] {
    return [...this.unplacedLate];
  }

  placeLater(lane: string, nanos: number): void {
    this.unplacedLate.set(lane, nanos);
  }

  /** Grants with nothing reserved or free. */
  closedGrants(): string[] {
    return [...this.byId.values()].filter((account) => account.closed).map((account) => account.grant.grantId);
  }

  /** Forgets grants whose closed report the control plane has received. */
  forget(grantIds: readonly string[]): void {
    for (const grantId of grantIds) {
      const account = this.byId.get(grantId);
      if (!account?.closed) continue;
      this.byId.delete(grantId);
      const { campaignId, arm } = account.grant;
      const rest = (this.byLane.get(campaignId, arm) ?? []).filter((other) => other !== account);
      if (rest.length > 0) this.byLane.set(campaignId, arm, rest);
      else this.byLane.delete(campaignId, arm);
    }
  }

  reports(): GrantReport[] {
    return [...this.byId.values()].map((account) => ({
      grantId: account.grant.grantId,
      campaignId: account.grant.campaignId,
      arm: account.grant.arm,
      reservedNanos: account.reservedNanos,
      spentNanos: account.spentNanos,
      freeNanos: account.freeNanos,
      returnedNanos: account.returnedNanos,
      lateNanos: account.lateNanos,
      closed: account.closed,
    }));
  }

  /** Lanes with open grants, and what pacing steers by: the newest plan and the arm's spend today, nanos. */
  plans(): { campaignId: string; arm: Arm; day: string; planNanos: number; spentNanos: number }[] {
    const plans = [];
    for (const accounts of this.byLane.values()) {
      const newest = accounts.findLast((account) => !account.closed);
      if (!newest) continue;
      const { campaignId, arm, day, dayPlanNanos, daySpentNanos } = newest.grant;
      // The fleet's sum leaves out the newest grant itself; what this edge spends from older ones meanwhile comes on top.
      const sinceHeard = this.spentElsewhere(newest) - newest.elsewhereNanos;
      const spentNanos = daySpentNanos + newest.spentNanos + newest.lateNanos + Math.max(0, sinceHeard);
      plans.push({ campaignId, arm, day, planNanos: dayPlanNanos, spentNanos });
    }
    return plans;
  }

  /** Double entry; called by tests and by the heartbeat in development. Throws AssertionError. */
  assertBalanced(): void {
    for (const account of this.byId.values()) {
      const { reservedNanos, spentNanos, freeNanos, returnedNanos, heldNanos, grant } = account;
      assert.equal(reservedNanos + spentNanos + freeNanos + returnedNanos, grant.amountNanos, grant.grantId);
      assert(Math.min(reservedNanos, spentNanos, freeNanos, returnedNanos, heldNanos) >= 0, grant.grantId);
      assert(heldNanos <= reservedNanos, grant.grantId);
    }
  }

  private addSpent({ grant }: Account, paidNanos: number): void {
    const lane = laneOf(grant.campaignId, grant.arm);
    this.laneSpent.set(lane, (this.laneSpent.get(lane) ?? 0) + paidNanos);
  }

  private spentElsewhere({ grant, spentNanos, lateNanos }: Account): number {
    return (this.laneSpent.get(laneOf(grant.campaignId, grant.arm)) ?? 0) - spentNanos - lateNanos;
  }

  private giveBack(account: Account, nanos: number): void {
    // A grant that was returned or closed meanwhile does not come back to life.
    if (account.returnedNanos > 0) account.returnedNanos += nanos;
    else account.freeNanos += nanos;
    if (account.returnedNanos > 0) closeIfDone(account);
  }

  private must(grantId: string): Account {
    const account = this.byId.get(grantId);
    assert(account, `unknown grant ${grantId}`);
    return account;
  }
}

function usable(account: Account, nowMs: number, reachable: boolean): number {
  if (account.closed || account.isPending || account.grant.expiresAtMs <= nowMs) return 0;
  const kept = reachable ? account.grant.outageNanos : 0;
  return Math.max(0, account.freeNanos - kept);
}

function returnFree(account: Account, nanos: number): void {
  account.returnedNanos += nanos;
  account.freeNanos -= nanos;
}

/** A grant with nothing reserved or free has no future; one fully spent closes when its last reservation settles. */
function closeIfDone(account: Account): void {
  if (account.reservedNanos === 0 && account.freeNanos === 0) account.closed = true;
}

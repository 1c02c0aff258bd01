import assert from 'node:assert/strict';
import type { Arm } from '#domain/contracts';
import { NO_LOCK, underLock, type Lock } from '../shared-lock';
import type { Account } from './account';
import { LaneMap } from './lane-map';

const NO_ACCOUNTS: readonly never[] = [];

/**
 * What bids may spend, by campaign and arm: a bid reserves its full price in one grant. Time and reachability are arguments. Whoever only
 * bids knows no more of budgets than this; the accounts' numbers may lie in memory that threads share.
 */
export class LaneBudgets<A extends Account = Account> {
  protected readonly byId = new Map<string, A>();
  protected readonly byLane = new LaneMap<A[]>();

  constructor(protected readonly lock: Lock = NO_LOCK) {}

  open(account: A): void {
    const { grantId, campaignId, arm } = account.name;
    this.byId.set(grantId, account);
    const accounts = this.byLane.get(campaignId, arm);
    if (accounts) accounts.push(account);
    else this.byLane.set(campaignId, arm, [account]);
  }

  drop(grantId: string): void {
    const account = this.byId.get(grantId);
    if (!account) return;
    this.byId.delete(grantId);
    const { campaignId, arm } = account.name;
    const rest = (this.byLane.get(campaignId, arm) ?? NO_ACCOUNTS).filter((other) => other !== account);
    if (rest.length > 0) this.byLane.set(campaignId, arm, rest);
    else this.byLane.delete(campaignId, arm);
  }

  /** Budget that a bid of this campaign and arm may still reserve, nanos: the largest single grant's room is not it, the sum is. */
  freeNanos(campaignId: string, arm: Arm, nowMs: number, reachable: boolean): number {
    let free = 0;
    for (const account of this.byLane.get(campaignId, arm) ?? NO_ACCOUNTS)
      free += account.usableNanos(nowMs, reachable);
    return free;
  }

  /** Whether an arm has a living grant, spent or not: without one it was never given a budget. */
  hasGrant(arm: Arm, nowMs: number): boolean {
    for (const account of this.byId.values()) if (account.name.arm === arm && account.isOpen(nowMs)) return true;
    return false;
  }

  /** When a known grant ends, epoch ms. */
  endsAtMs(grantId: string): number {
    return this.must(grantId).expiresAtMs;
  }

  /** Takes `priceNanos` out of one grant, the one that ends first. Null when none has room: fail closed. */
  reserve(campaignId: string, arm: Arm, priceNanos: number, nowMs: number, reachable: boolean): string | null {
    // NaN is not more than what is free, and one of it would make an account unlimited for good.
    assert(Number.isSafeInteger(priceNanos) && priceNanos >= 0, `a price of ${priceNanos} nanos`);
    return underLock(this.lock, () => {
      const account = this.endingFirst(campaignId, arm, priceNanos, nowMs, reachable);
      account?.take(priceNanos);
      return account?.name.grantId ?? null;
    });
  }

  /** A reservation ended without a bill. */
  release(grantId: string, reservedNanos: number): void {
    underLock(this.lock, () => this.must(grantId).settle(reservedNanos, 0));
  }

  private endingFirst(campaignId: string, arm: Arm, nanos: number, nowMs: number, reachable: boolean): A | null {
    let first: A | null = null;
    for (const account of this.byLane.get(campaignId, arm) ?? NO_ACCOUNTS) {
      if (!account.isOpen(nowMs) || account.usableNanos(nowMs, reachable) < nanos) continue;
      if (first === null || account.expiresAtMs < first.expiresAtMs) first = account;
    }
    return first;
  }

  protected must(grantId: string): A {
    const account = this.byId.get(grantId);
    assert(account, `unknown grant ${grantId}`);
    return account;
  }
}

import type { Arm, LateBill } from '#domain/contracts';

/**
 * Bills for which this edge holds no money and has no open grant: they wait here, each under its decision's id, until whoever
 * keeps the budget has booked them. Bounded by the bids made within the life of a token.
 */
export class LateBills {
  private readonly byDecision = new Map<string, LateBill>();

  get size(): number {
    return this.byDecision.size;
  }

  /** Takes a bill; one of nothing owes nothing. */
  add(bill: LateBill): void {
    if (bill.paidNanos > 0) this.byDecision.set(bill.decisionId, bill);
  }

  /** The bills that have waited longest, at most `limit`. */
  oldest(limit: number): LateBill[] {
    const bills: LateBill[] = [];
    for (const bill of this.byDecision.values()) {
      if (bills.length === limit) break;
      bills.push(bill);
    }
    return bills;
  }

  all(): LateBill[] {
    return [...this.byDecision.values()];
  }

  /** Sum of what waits, nanos. */
  sumNanos(): number {
    let sum = 0;
    for (const { paidNanos } of this.byDecision.values()) sum += paidNanos;
    return sum;
  }

  /** Hands one lane's bills over to a grant: their sum in nanos; they wait no longer. */
  takeLane(campaignId: string, arm: Arm): number {
    let sum = 0;
    for (const bill of this.byDecision.values()) {
      if (bill.campaignId !== campaignId || bill.arm !== arm) continue;
      sum += bill.paidNanos;
      this.byDecision.delete(bill.decisionId);
    }
    return sum;
  }

  /** Bills that are in the books elsewhere; answers those that had waited here. */
  booked(decisionIds: readonly string[]): string[] {
    return decisionIds.filter((decisionId) => this.byDecision.delete(decisionId));
  }

  /** What was told and not booked goes behind the others: a bill that cannot be booked must not hold up those that can. */
  postpone(decisionIds: readonly string[]): void {
    for (const decisionId of decisionIds) {
      const bill = this.byDecision.get(decisionId);
      if (bill === undefined) continue;
      this.byDecision.delete(decisionId);
      this.byDecision.set(decisionId, bill);
    }
  }
}

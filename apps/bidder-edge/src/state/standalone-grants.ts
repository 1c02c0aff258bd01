import type { ZoneClock } from '#domain/calendar';
import type { BudgetGrant } from '#domain/contracts';
import type { BudgetLedger } from './budget-ledger';

/** Calendar of a campaign, null when the snapshot does not have it. */
export type ClockOf = (campaignId: string) => ZoneClock | null;

/** A slice of a day's budget lives this long; a crash strands no more than the open slices. */
const SLICE_TTL_MS = 900_000;
/** Slices a day is cut into: half an hour of even spend each. */
const SLICES_PER_DAY = 48;
const OWN = 'own-';

/**
 * Budgets of an edge without a control plane: the snapshot says what each campaign may spend a day, and this gives it to the
 * champion in slices. Spend of closed slices is remembered per campaign and day, so that a restart does not grant it again.
 */
export class StandaloneGrants {
  private readonly spent = new Map<string, { campaignId: string; day: string; nanos: number }>();
  private made = 0;

  constructor(
    private readonly ledger: BudgetLedger,
    private readonly bootId: string,
  ) {}

  /** Whether a grant is a slice that an edge gave itself. */
  isOwn(grant: BudgetGrant): boolean {
    return grant.grantId.startsWith(OWN);
  }

  /** Remembers what a closed slice spent. */
  onClosed(campaignId: string, day: string, nanos: number): void {
    const key = `${campaignId}|${day}`;
    this.spent.set(key, { campaignId, day, nanos: (this.spent.get(key)?.nanos ?? 0) + nanos });
  }

  /** Spend of closed slices, for a checkpoint; days other than a campaign's newest are dropped. */
  days(): { campaignId: string; day: string; nanos: number }[] {
    return [...this.spent.values()];
  }

  /** New slices for the campaigns that have less than half a slice left. */
  due(dayNanos: Readonly<Record<string, number>>, clockOf: ClockOf, nowMs: number): BudgetGrant[] {
    const grants: BudgetGrant[] = [];
    for (const [campaignId, planNanos] of Object.entries(dayNanos)) {
      const day = clockOf(campaignId)?.at(nowMs).day;
      if (day === undefined) continue;
      const slice = Math.ceil(planNanos / SLICES_PER_DAY);
      if (this.ledger.freeNanos(campaignId, 'champion', nowMs, false) * 2 >= slice) continue;
      const committed = this.committed(campaignId, day);
      const amountNanos = Math.min(slice, planNanos - committed.nanos);
      if (amountNanos <= 0) continue;
      grants.push({
        grantId: `${OWN}${this.bootId}-${++this.made}`,
        campaignId,
        arm: 'champion',
        day,
        amountNanos,
        outageNanos: 0,
        expiresAtMs: nowMs + SLICE_TTL_MS,
        dayPlanNanos: planNanos,
        daySpentNanos: committed.spentNanos,
      });
    }
    return grants;
  }

  private committed(campaignId: string, day: string): { nanos: number; spentNanos: number } {
    const closed = this.spent.get(`${campaignId}|${day}`)?.nanos ?? 0;
    let nanos = closed;
    let spentNanos = closed;
    for (const { grant, spentNanos: spent, returnedNanos, lateNanos } of this.ledger.dump()) {
      if (grant.campaignId !== campaignId || grant.day !== day) continue;
      nanos += grant.amountNanos - returnedNanos + lateNanos;
      spentNanos += spent + lateNanos;
    }
    return { nanos, spentNanos };
  }
}

import { bidLifeMs, type BidLifeLimits } from '#domain/openrtb';
import type { FrequencyCounts } from './frequency-counts';
import type { LaneBudgets } from './lane-budgets';
import type { Hold, ReserveRequest } from './reservation';

/** Check-and-take of caps and budget for one bid: all of it or nothing. Bounded: when too many bids are open, no bid (fail closed). */
export class Holds {
  constructor(
    private readonly budgets: LaneBudgets,
    private readonly caps: FrequencyCounts,
    private readonly life: BidLifeLimits,
    private readonly hasRoom: () => boolean,
  ) {}

  /** Takes caps and budget, or nothing at all. The caller names the decision when the bid goes out. */
  tryReserve(request: ReserveRequest, nowMs: number, reachable: boolean): Hold | null {
    const { caps, userKey, expirySeconds = 0, ...rest } = request;
    if (!this.hasRoom()) return null;
    if (caps.length > 0 && userKey === null) return null;
    let taken = 0;
    for (; taken < caps.length; taken++) {
      if (!this.caps.reserve(caps[taken].capKey, userKey ?? '', caps[taken].maxImpressions, nowMs)) break;
    }
    const grantId =
      taken === caps.length
        ? this.budgets.reserve(request.campaignId, request.arm, request.priceNanos, nowMs, reachable)
        : null;
    if (grantId === null) {
      for (let i = 0; i < taken; i++) this.caps.release(caps[i].capKey, userKey ?? '');
      return null;
    }
    const capKeys = caps.map((cap) => cap.capKey);
    const lifeMs = bidLifeMs(expirySeconds, this.budgets.endsAtMs(grantId) - nowMs, this.life);
    return { ...rest, userKey, capKeys, grantId, isExploratory: false, expiresAtMs: nowMs + lifeMs };
  }

  /** Undoes what no exchange has seen. */
  cancel(hold: Hold): void {
    this.budgets.release(hold.grantId, hold.priceNanos);
    for (const capKey of hold.capKeys) this.caps.release(capKey, hold.userKey ?? '');
  }
}

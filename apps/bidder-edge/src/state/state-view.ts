import { COUNT_UNKNOWN } from './frequency-counts';
import { exposureKeyOf, type DecisionState } from './decision-state';
import type { Arm, NoBidReason } from '#domain/contracts';
import type { StateReader } from '#domain/coordination';

const MAX_KEYS = 100_000;

/**
 * What decisions may read of this edge's state, frozen at the moment of one request. `isStopped` answers for campaigns that
 * a kill order stops: they have no budget.
 */
export class StateView implements StateReader {
  nowMs = 0;
  reachable = true;
  /** Keys of creatives asked for before: the same few, many times a request. */
  private readonly exposureKeys = new Map<string, string>();

  constructor(
    private readonly state: DecisionState,
    private readonly isStopped: (campaignId: string) => boolean,
    private readonly allowanceOf: (campaignId: string) => number,
    /** A filter of `match` removed a campaign from one impression, and `weight` − 1 (absent: no) others that are not named; or `decide` did. */
    readonly onFiltered: (campaignId: string, reason: NoBidReason, weight?: number) => void,
  ) {}

  /** Sets the moment of the next reads. */
  at(nowMs: number, reachable: boolean): this {
    this.nowMs = nowMs;
    this.reachable = reachable;
    return this;
  }

  pacing(campaignId: string, arm: Arm): { multiplier: number; passThrough: number } {
    return this.state.pacing.read(campaignId, arm);
  }

  freeNanos(campaignId: string, arm: Arm): number {
    if (this.isStopped(campaignId)) return 0;
    return this.state.budgets.freeNanos(campaignId, arm, this.nowMs, this.reachable);
  }

  capCount(capKey: string, userKey: string): number {
    return this.state.caps.count(capKey, userKey, this.nowMs);
  }

  exposures24h(creativeId: string, userKey: string): number {
    const count = this.state.exposures.count(this.exposureKey(creativeId), userKey, this.nowMs);
    // Fatigue only discounts: without room for a counter there is no discount.
    return count === COUNT_UNKNOWN ? 0 : count;
  }

  explorationLeft(campaignId: string, arm: Arm): number {
    return this.state.exploration.left(campaignId, arm, this.allowanceOf(campaignId));
  }

  private exposureKey(creativeId: string): string {
    let key = this.exposureKeys.get(creativeId);
    if (key === undefined) {
      if (this.exposureKeys.size >= MAX_KEYS) this.exposureKeys.clear();
      key = exposureKeyOf(creativeId);
      this.exposureKeys.set(creativeId, key);
    }
    return key;
  }
}

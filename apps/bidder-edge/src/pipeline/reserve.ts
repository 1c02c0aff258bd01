import type { ImpressionDecision, PreparedRequest, Reserve } from '#domain/coordination';
import type { ServingIndex } from '#domain/matching';
import type { DecisionState } from '../state/decision-state';
import type { CapLimit, Hold } from '../state/reservation';

/** Below this propensity a creative was not the best by the agent's own estimate. */
const EXPLORATORY_BELOW = 0.5;
const NO_CAPS: readonly CapLimit[] = [];

/**
 * Sixth stage, called by the decision: caps and budget in one synchronous step. What it took is held until the answer is out
 * (`commit`) or the request failed (`cancel`). Test requests are checked like others and hold nothing.
 */
export class RequestReservations {
  private readonly held: Hold[] = [];
  private readonly lives: number[] = [];

  constructor(
    private readonly index: ServingIndex,
    private readonly prepared: PreparedRequest,
    private readonly state: DecisionState,
    private readonly reachable: boolean,
  ) {}

  readonly reserve: Reserve = (campaignId, creativeId, priceNanos, impIndex) => {
    const { request, context } = this.prepared;
    const held = this.state.holds.tryReserve(
      {
        exchange: request.exchange,
        campaignId,
        creativeId,
        arm: context.arm,
        priceNanos,
        userKey: request.userKey,
        caps: capsOf(this.index, campaignId, creativeId),
        expirySeconds: request.impressions[impIndex]?.expirySeconds,
      },
      context.nowMs,
      this.reachable,
    );
    if (held === null) return false;
    this.held.push(held);
    this.lives[impIndex] = held.expiresAtMs - context.nowMs;
    return true;
  };

  /** How long the bid on an impression is held, ms; 0 without one. */
  lifeMs(impIndex: number): number {
    return this.lives[impIndex] ?? 0;
  }

  /** Gives every bid its reservation; the order of successful reservations is the order of bids. Answers the grants. */
  commit(decisions: readonly ImpressionDecision[], idOf: (at: number) => string): string[] {
    const { request } = this.prepared;
    return decisions.map(({ outputs }, at) => {
      if (outputs.creativeId === null) return '';
      const held = this.held[0];
      if (request.isTest) {
        this.state.holds.cancel(held);
        this.held.shift();
        return '';
      }
      const isExploratory =
        outputs.agents?.bid.reason === 'exploration' || (outputs.propensity?.creative ?? 1) < EXPLORATORY_BELOW;
      this.state.onBid({ ...held, decisionId: idOf(at), isExploratory });
      this.held.shift();
      return held.grantId;
    });
  }

  /** Gives back what no bid has got: all of it before `commit`. */
  cancel(): void {
    for (const held of this.held) this.state.holds.cancel(held);
    this.held.length = 0;
  }
}

function capsOf(index: ServingIndex, campaignId: string, creativeId: string): readonly CapLimit[] {
  const campaign = index.campaignById.get(campaignId);
  if (!campaign?.isCapped) return NO_CAPS;
  const creative = index.creativeById.get(creativeId);
  return creative === undefined || creative.caps.length === 0 ? campaign.caps : [...campaign.caps, ...creative.caps];
}

import type { LiveSnapshot } from './snapshot';
import type { ClockOf, EdgeState } from './state';

/** One step of the Budget agent for every lane with a plan, by the policies and intents of what is served. */
export function paceCampaigns(state: EdgeState, live: LiveSnapshot, clockOf: ClockOf, nowMs: number): void {
  state.pacing.step(
    state.ledger.plans(),
    nowMs,
    (arm, campaignId) => {
      if (arm === 'canary' && live.snapshot.canary === null) return null;
      return live.index.campaignById.get(campaignId)?.tuned[arm].budget ?? null;
    },
    clockOf,
    (campaignId) => live.index.intents.pacingTarget(campaignId, nowMs),
  );
}

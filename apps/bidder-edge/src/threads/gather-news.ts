import type { EdgeFacts } from '../edge-facts';
import { sharedMs, type News } from './messages';

/** What the bidding threads must know of the edge now; `stateVersion` counts the steps of the pacing. */
export function gatherNews(facts: EdgeFacts, stateVersion: number): News {
  const { state, lease } = facts;
  const served = facts.canary();
  return {
    pacing: state.pacing.all(),
    exploration: state.exploration.all(),
    winRates: state.live.winRates(Date.now()),
    stateVersion,
    reachable: facts.reachable(),
    kill: facts.kill(),
    canary: served && { served, untilMs: sharedMs() + (lease.leftMs ?? 0) },
  };
}

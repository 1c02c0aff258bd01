import type { Arm } from '#domain/contracts';
import {
  agentsWithoutAutonomy,
  assignArm,
  prepareRequest,
  type PreparedRequest,
  type RequestContext,
} from '#domain/coordination';
import type { DecodedRequest } from '#domain/openrtb';
import type { ServedCanary } from '../canary/canary-lease';
import type { KillEffect } from '../kill/kill-orders';
import type { DecisionState } from '../state/decision-state';
import type { StateView } from '../state/state-view';
import type { Received } from './receive';

/** What this edge knows at the moment of one request, beside the request. */
export interface Moment {
  nowMs: number;
  stateVersion: number;
  rngCounter: number;
  canary: ServedCanary | null;
  kill: KillEffect;
}

/** Arm of a request; everybody is the champion's while no canary may be served. */
export function armOf(received: Received, request: DecodedRequest, canary: ServedCanary | null): Arm {
  if (canary === null) return 'champion';
  return assignArm(received.live.snapshot.layerSalt, request.userKey ?? request.requestId, canary.shareBps);
}

/** Third stage: the context of the decision, then campaigns and vetoes, then one feature row per impression that has survivors. */
export function match(
  received: Received,
  request: DecodedRequest,
  moment: Moment,
  state: DecisionState,
  view: StateView,
  timeLeftMs: number,
): PreparedRequest {
  const { snapshot } = received.live;
  const arm = armOf(received, request, moment.canary);
  const context: RequestContext = {
    snapshotId: snapshot.snapshotId,
    stateVersion: moment.stateVersion,
    nowMs: moment.nowMs,
    arm,
    rolloutId: moment.canary?.rolloutId ?? '',
    stage: moment.canary?.stage ?? -1,
    rngCounter: moment.rngCounter,
    live: state.live.read(arm, request.exchange, state.openReservations, moment.nowMs),
    inferenceMode: moment.kill.level === 'safe-bids-only' ? 'safe' : 'models',
    engine: 'onnx',
    quarantined: agentsWithoutAutonomy(snapshot, request.requestId, moment.kill.agents),
    timeLeftMs: { match: timeLeftMs, decide: 0, respond: 0 },
  };
  return prepareRequest(received.live.index, request, context, view);
}

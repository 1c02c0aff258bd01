import { decideRequest, type ImpressionDecision, type OnDeclined, type PreparedRequest } from '#domain/coordination';
import type { RequestReservations } from './reserve';
import type { Received } from './receive';

/** Fifth stage: the four agents meet (domain/coordination); the time left is part of the record. */
export function decide(
  received: Received,
  prepared: PreparedRequest,
  law: Float32Array | null,
  reservations: RequestReservations,
  onDeclined: OnDeclined,
): ImpressionDecision[] {
  prepared.context.timeLeftMs.decide = received.deadlineMs - performance.now();
  return decideRequest(received.live.index, prepared, law, reservations.reserve, onDeclined);
}

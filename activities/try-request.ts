/** What would we bid on this request? The edge's pure functions over a published snapshot and untouched state. No effect. */
import type { DecisionInputs, DecisionOutputs } from '#domain/contracts/decision-record';
import type { NormalisedRequest } from '#domain/contracts/normalised-request';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import {
  agentsWithoutAutonomy,
  decideRequest,
  prepareRequest,
  type RequestContext,
  type StateReader,
} from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { normaliseRequest, validateBidRequest } from '#domain/openrtb';
import type { ReplaySession } from './replay-decisions';

export interface TryPorts {
  artifact(sha256: string): Promise<Uint8Array>;
  openSession(bytes: Uint8Array): Promise<ReplaySession>;
  /** Keyed hash of a user id, 16 hex digits, as the edge computes it. */
  hashUser(id: string): string;
  now(): number;
}

export type TryResult =
  | { ok: false; code: string; pointer: string; detail: string }
  | { ok: true; decisions: { inputs: DecisionInputs; outputs: DecisionOutputs }[] };

/** Budget that no single bid exhausts: a try spends nothing. */
const PLENTY_NANOS = 1e15;

/** State of an edge that has just started: nothing spent, nothing shown, pacing neutral. */
const UNTOUCHED: StateReader = {
  pacing: () => ({ multiplier: 1, passThrough: 1 }),
  freeNanos: () => PLENTY_NANOS,
  capCount: () => 0,
  exposures24h: () => 0,
  explorationLeft: () => 1,
};

/** Decides `request` as the champion of `snapshot` would for `exchange`; malformed requests are a value, not an error. */
export async function tryRequest(
  ports: TryPorts,
  snapshot: PolicySnapshot,
  exchange: string,
  request: unknown,
): Promise<TryResult> {
  const settings = snapshot.exchanges[exchange];
  if (!settings)
    return {
      ok: false,
      code: 'unknown-exchange',
      pointer: '/exchange',
      detail: `is none of ${Object.keys(snapshot.exchanges).join(', ')}`,
    };
  const valid = validateBidRequest(request);
  if (!valid.ok) return { ...valid, pointer: `/request${valid.pointer}` };
  const normalised = normaliseRequest(request, settings, snapshot.fx, (id) => ports.hashUser(id), snapshot.layerSalt);
  const index = buildServingIndex(snapshot);
  const prepared = prepareRequest(index, normalised, contextOf(ports, snapshot, normalised), UNTOUCHED);
  const inference = await inferOnce(ports, snapshot, prepared.rows, prepared.rowCount);
  return { ok: true, decisions: decideRequest(index, prepared, inference, () => true) };
}

function contextOf(ports: TryPorts, snapshot: PolicySnapshot, request: NormalisedRequest): RequestContext {
  return {
    snapshotId: snapshot.snapshotId,
    stateVersion: 0,
    nowMs: ports.now(),
    arm: 'champion',
    rolloutId: '',
    stage: 0,
    rngCounter: 0,
    live: { requestRate: 0, winRate: 0, openReservations: 0 },
    inferenceMode: 'models',
    engine: 'onnx',
    quarantined: agentsWithoutAutonomy(snapshot, request.requestId),
    timeLeftMs: { match: request.tmaxMs, decide: request.tmaxMs, respond: request.tmaxMs },
  };
}

async function inferOnce(
  ports: TryPorts,
  snapshot: PolicySnapshot,
  rows: Float32Array,
  rowCount: number,
): Promise<Float32Array | null> {
  const { artifact } = snapshot.champion.bid;
  if (!artifact || rowCount === 0) return null;
  const session = await ports.openSession(await ports.artifact(artifact.sha256));
  try {
    return await session.run(rows, rowCount);
  } finally {
    await session.close();
  }
}

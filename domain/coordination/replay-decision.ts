import type { CandidateState, DecisionInputs, DecisionOutputs } from '../contracts/decision-record';
import type { ServingIndex } from '../matching/serving-index';
import type { StateReader } from '../matching/state-reader';
import { decideRequest } from './decide-request';
import { prepareRequest, type PreparedImpression, type PreparedRequest } from './prepare-request';
import { FEATURE_COUNT } from '../features';
import type { Infer } from './request-context';

/** What makes a replay impossible. */
export class ReplayError extends Error {
  constructor(
    readonly code: 'NO_INPUTS' | 'OTHER_SNAPSHOT' | 'NOT_ONE_REQUEST',
    message: string,
  ) {
    super(message);
    this.name = 'ReplayError';
  }
}

/**
 * Executes the impressions of one request again from their recorded inputs, in the order given; the outputs equal the logged ones
 * byte for byte (canonical JSON) when nothing was changed. All impressions of the request are needed, because inference ran once over
 * them. Reads no logged output. Throws ReplayError.
 */
export async function replayDecision(
  index: ServingIndex,
  inputs: readonly DecisionInputs[],
  infer: Infer,
): Promise<DecisionOutputs[]> {
  const first = inputs[0];
  if (first === undefined) throw new ReplayError('NO_INPUTS', 'no inputs to replay');
  for (const input of inputs) {
    if (input.snapshotId !== index.snapshot.snapshotId) {
      throw new ReplayError(
        'OTHER_SNAPSHOT',
        `decided on snapshot ${input.snapshotId}, not ${index.snapshot.snapshotId}`,
      );
    }
    if (input.request.requestId !== first.request.requestId) {
      throw new ReplayError('NOT_ONE_REQUEST', 'inputs belong to more than one request');
    }
  }
  const prepared = inputs.map((input) => prepareImpression(index, input));
  const rowOrder = [...prepared].sort((a, b) => a.impression.impIndex - b.impression.impIndex);
  const rows = joinRows(rowOrder.map(({ whole }) => whole));
  const rowCount = rows.length / FEATURE_COUNT;
  const needsLaw = rowCount > 0 && inputs.some((input) => input.inferenceMode === 'models');
  const law = needsLaw ? await infer(rows, rowCount) : null;
  const outputs = new Map<PreparedRow, DecisionOutputs>();
  let row = 0;
  for (const one of rowOrder) {
    const count = one.whole.rowCount;
    const slice = law === null ? null : law.slice(row * 2, (row + count) * 2);
    row += count;
    const refused = refusedIn(one.input.candidates);
    const [decision] = decideRequest(index, one.whole, slice, (campaignId) => !refused.has(campaignId));
    if (decision) outputs.set(one, decision.outputs);
  }
  return prepared.map((one) => outputs.get(one) as DecisionOutputs);
}

interface PreparedRow {
  input: DecisionInputs;
  impression: PreparedImpression;
  /** The request reduced to this one impression, with its own row. */
  whole: PreparedRequest;
}

/** Matches again only the impression that the record is about, with the state that the record holds. */
function prepareImpression(index: ServingIndex, input: DecisionInputs): PreparedRow {
  const only = { ...input.request, impressions: input.request.impressions.map(maskUnless(input.impIndex)) };
  const prepared = prepareRequest(index, only, { ...input }, recordedState(input.candidates));
  const impression = prepared.impressions[input.impIndex] as PreparedImpression;
  return { input, impression, whole: { ...prepared, impressions: [impression] } };
}

/** Other impressions have records of their own: here they are vetoed so that they are neither matched nor given a row. */
const maskUnless =
  (impIndex: number) =>
  (impression: DecisionInputs['request']['impressions'][number], i: number): typeof impression =>
    i === impIndex ? impression : { ...impression, veto: impression.veto ?? 'no-banner' };

function joinRows(parts: readonly PreparedRequest[]): Float32Array {
  const rows = new Float32Array(parts.reduce((sum, part) => sum + part.rows.length, 0));
  let at = 0;
  for (const part of parts) {
    rows.set(part.rows, at);
    at += part.rows.length;
  }
  return rows;
}

/** Answers reads from the record. A value that was never read answers as the strictest one: no budget, cap reached. */
function recordedState(candidates: readonly CandidateState[]): StateReader {
  const byId = new Map(candidates.map((candidate) => [candidate.campaignId, candidate]));
  return {
    pacing: (campaignId) => {
      const state = byId.get(campaignId);
      return { multiplier: state?.pacingMultiplier ?? 0, passThrough: state?.passThrough ?? 0 };
    },
    freeNanos: (campaignId) => byId.get(campaignId)?.freeNanos ?? 0,
    capCount: (capKey) => {
      for (const candidate of candidates) {
        const count = candidate.capCounts[capKey];
        if (count !== undefined) return count;
      }
      return Number.MAX_SAFE_INTEGER;
    },
    exposures24h: (creativeId) => {
      for (const candidate of candidates) {
        const count = candidate.exposures24h[creativeId];
        if (count !== undefined) return count;
      }
      return 0;
    },
    explorationLeft: (campaignId) => byId.get(campaignId)?.explorationLeft ?? 0,
  };
}

const refusedIn = (candidates: readonly CandidateState[]): Set<string> =>
  new Set(candidates.filter((candidate) => candidate.lostRace === true).map((candidate) => candidate.campaignId));

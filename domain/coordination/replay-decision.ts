import type { DecisionInputs, DecisionOutputs } from '../contracts/decision-record';
import type { ServingIndex } from '../matching/serving-index';
import { decideRequest } from './decide-request';
import type { PreparedRequest } from './prepare-request';
import { prepareRecorded, refusedIn, type RecordedImpression } from './recorded-impression';
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
  const prepared = inputs.map((input) => prepareRecorded(index, input));
  const rowOrder = [...prepared].sort((a, b) => a.impression.impIndex - b.impression.impIndex);
  const rows = joinRows(rowOrder.map(({ whole }) => whole));
  const rowCount = rows.length / FEATURE_COUNT;
  const needsLaw = rowCount > 0 && inputs.some((input) => input.inferenceMode === 'models');
  const law = needsLaw ? await infer(rows, rowCount, first.engine ?? 'onnx') : null;
  const outputs = new Map<RecordedImpression, DecisionOutputs>();
  let row = 0;
  for (const one of rowOrder) {
    const count = one.whole.rowCount;
    const slice = law === null ? null : law.slice(row * 2, (row + count) * 2);
    row += count;
    const refused = refusedIn(one.input.candidates);
    const [decision] = decideRequest(index, one.whole, slice, (campaignId) => !refused.has(campaignId));
    if (decision) outputs.set(one, asRecorded(one.input, decision.outputs));
  }
  return prepared.map((one) => outputs.get(one) as DecisionOutputs);
}

/** Outputs in the form that they had when the record was written: deals are named since the edge knows any. */
function asRecorded(input: DecisionInputs, outputs: DecisionOutputs): DecisionOutputs {
  if (input.request.impressions[input.impIndex]?.deals !== undefined) return outputs;
  const { dealId: _unknownThen, ...known } = outputs;
  return known;
}

function joinRows(parts: readonly PreparedRequest[]): Float32Array {
  const rows = new Float32Array(parts.reduce((sum, part) => sum + part.rows.length, 0));
  let at = 0;
  for (const part of parts) {
    rows.set(part.rows, at);
    at += part.rows.length;
  }
  return rows;
}

import type { DecisionInputs, DecisionOutputs } from '../contracts/decision-record';
import type { ServingIndex } from '../matching/serving-index';
import type { Infer } from './request-context';

/** Executes all impressions of one request again from their recorded inputs; outputs equal the logged ones byte for byte. */
export declare function replayDecision(
  index: ServingIndex,
  inputs: readonly DecisionInputs[],
  infer: Infer,
): Promise<DecisionOutputs[]>;

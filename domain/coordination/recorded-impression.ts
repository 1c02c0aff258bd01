import type { CandidateState, DecisionInputs } from '../contracts/decision-record';
import type { ServingIndex } from '../matching/serving-index';
import type { StateReader } from '../matching/state-reader';
import { prepareRequest, type PreparedImpression, type PreparedRequest } from './prepare-request';

/** One impression prepared again from its record. */
export interface RecordedImpression {
  input: DecisionInputs;
  impression: PreparedImpression;
  /** The request reduced to this one impression, with its own row. */
  whole: PreparedRequest;
}

/** Matches again only the impression that the record is about, with the state that the record holds. */
export function prepareRecorded(index: ServingIndex, input: DecisionInputs): RecordedImpression {
  const only = { ...input.request, impressions: input.request.impressions.map(maskUnless(input.impIndex)) };
  const context = { ...input, engine: input.engine ?? 'onnx' };
  const prepared = prepareRequest(index, only, context, recordedState(input.candidates));
  const impression = prepared.impressions[input.impIndex] as PreparedImpression;
  return { input, impression, whole: { ...prepared, impressions: [impression] } };
}

/** Other impressions have records of their own: here they are vetoed so that they are neither matched nor given a row. */
const maskUnless =
  (impIndex: number) =>
  (impression: DecisionInputs['request']['impressions'][number], i: number): typeof impression =>
    i === impIndex ? impression : { ...impression, veto: impression.veto ?? 'no-banner' };

/** Answers reads from the record, where a count of zero is not written down. A campaign that was never read has no budget. */
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
      return 0;
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

/** Campaigns whose reservation failed. */
export const refusedIn = (candidates: readonly CandidateState[]): Set<string> =>
  new Set(candidates.filter((candidate) => candidate.lostRace === true).map((candidate) => candidate.campaignId));

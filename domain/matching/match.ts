import type { Arm } from '../contracts/agent';
import type { CandidateState } from '../contracts/decision-record';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import type { ServedCampaign, ServedCreative, ServingIndex } from './serving-index';
import type { StateReader } from './state-reader';

/** A campaign that survived all vetoes on one impression, with its surviving creatives (the action set). */
export interface Survivor {
  readonly campaign: ServedCampaign;
  readonly creatives: readonly ServedCreative[];
  readonly state: CandidateState;
}

/** Result of matching one impression. */
export interface MatchResult {
  survivors: Survivor[];
  /** State of every campaign whose state was read, survivors and vetoed alike, in index order. */
  candidates: CandidateState[];
  /** Campaigns removed, by the reason of the filter that removed them. */
  filtered: Partial<Record<NoBidReason, number>>;
  /** Why nobody survived: the furthest filter that any campaign reached; null with survivors. */
  reason: NoBidReason | null;
  /** Campaigns vetoed by a frequency cap although their pacing multiplier asks for spend (> 1). */
  cappedButHungry: CandidateState[];
}

import type { Arm, DecisionMode } from './agent';
import type { NoBidReason } from './no-bid-reason';
import type { NormalisedRequest } from './normalised-request';
import type { UserFeatures } from './user-features';

/** The action of one agent on one impression, kept even when overruled. */
export interface AgentStep {
  proposal: number | string | null;
  chosen: number | string | null;
  mode: DecisionMode;
  reason: string;
}

/** State values that the decision read, in the order of `candidates`: enough to decide again bit for bit. */
export interface CandidateState {
  campaignId: string;
  /** Budget multiplier m and pass-through probability p_t of the arm at the time. */
  pacingMultiplier: number;
  passThrough: number;
  /** Budget the arm may still reserve, nanos. */
  freeNanos: number;
  /** Exposures by hard cap, where there are any. */
  capCounts: Record<string, number>;
  /** Exposures of this user in 24 h by creative of the campaign, where there are any. */
  exposures24h: Record<string, number>;
  /** Share of the exploration allowance still unused, 0..1. */
  explorationLeft: number;
  /** Set when the reservation of this campaign failed for this impression: an input of the replay. */
  lostRace?: true;
}

/** Live state of the serving process that features read. */
export interface LiveState {
  /** Requests per second, exponentially weighted over 10 s. */
  requestRate: number;
  /** Wins per bid of this arm on this exchange, exponentially weighted. */
  winRate: number;
  /** Reservations waiting for a notice. */
  openReservations: number;
}

/** What computed the model: the runtime, or plain loops over our own graph. They round differently, so a replay takes the same one. */
export type InferenceEngine = 'onnx' | 'plain';

export interface DecisionInputs {
  snapshotId: string;
  stateVersion: number;
  /** Version of the reward weights in force, 0 = all at their start; absent in older records. */
  weightsVersion?: number;
  nowMs: number;
  arm: Arm;
  rolloutId: string;
  stage: number;
  rngCounter: number;
  /** Which candidate index of the request this record decides; inference ran once over all impressions. */
  impIndex: number;
  request: NormalisedRequest;
  live: LiveState;
  candidates: CandidateState[];
  /** 'models' or 'heuristics' (60 % of the time used, or a breaker open), and time left at the stage borders, ms. */
  inferenceMode: 'models' | 'heuristics' | 'safe';
  /** What ran where a model ran; absent in older records: `onnx`. */
  engine?: InferenceEngine;
  /** Agents quarantined or without autonomy for this request. */
  quarantined: string[];
  timeLeftMs: { match: number; decide: number; respond: number };
  /** What was known of the user's past; absent in older records. */
  userFeatures?: UserFeatures;
}

export interface DecisionOutputs {
  noBidReason: NoBidReason | null;
  campaignId: string | null;
  creativeId: string | null;
  size: string | null;
  /** Deal bid under; null and, in older records, absent = the open auction. */
  dealId?: string | null;
  /** Price bid, CPM micros of the fleet's currency. */
  bidMicros: number;
  /** How many candidates each filter removed. */
  filtered: Partial<Record<NoBidReason, number>>;
  /** The action set for off-policy evaluation: surviving creatives of the chosen campaign. */
  actionSet: string[];
  losingCampaigns: { campaignId: string; score: number; bidMicros: number }[];
  agents: { budget: AgentStep; creative: AgentStep; bid: AgentStep; frequency: AgentStep } | null;
  propensity: { creative: number; gridMass: number; throttle: number; jointLog: number } | null;
  counterfactual: {
    mu: number;
    sigma: number;
    pCtr: number;
    vMicros: number;
    vPrimeMicros: number;
    psi: number;
    k: number;
    /** Which constraint was the minimum. */
    kFrom: 'budget' | 'cpa' | 'clamp';
    gridIndex: number;
    expectedWinProbability: number;
  } | null;
  conflicts: { rule: string; winner: string; loser: string; before: number | string; after: number | string }[];
  /** The feature row that the bid model saw. */
  features: number[];
}

/** One per request × impression, appended after the socket write. */
export interface DecisionRecord {
  type: 'decision';
  schemaVersion: 1;
  decisionId: string;
  edgeId: string;
  atNs: string;
  inputs: DecisionInputs;
  outputs: DecisionOutputs;
  latencyUs: { decode: number; match: number; infer: number; decide: number; respond: number };
  modelVersions: { budget: string; creative: string; bid: string; frequency: string };
}

/** What a shadow policy would have done on a sampled request; no effect. */
export interface ShadowRecord {
  type: 'shadow';
  schemaVersion: 1;
  decisionId: string;
  rolloutId: string;
  atMs: number;
  bidMicros: number;
  championBidMicros: number;
  /** Expected surplus of either bid under the champion's win law, micros. */
  expectedSurplusMicros: number;
  championExpectedSurplusMicros: number;
  mu: number;
  sigma: number;
  error: string | null;
  /** Model run and pricing of the shadow, from the start of its turn. */
  latencyUs: number;
  /** The same stations of the champion on the same request (`infer` + `decide`); absent in older records. */
  championLatencyUs?: number;
}

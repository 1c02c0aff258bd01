import type { Agent, Arm } from '../contracts/agent';
import type { DecisionInputs, DecisionOutputs, InferenceEngine, LiveState } from '../contracts/decision-record';
import type { NormalisedRequest } from '../contracts/normalised-request';
import type { PolicySnapshot } from '../contracts/policy-snapshot';
import type { UserFeatures } from '../contracts/user-features';
import { hashText } from '../random';

/**
 * Everything in DecisionInputs that is neither the request nor the candidates. `inferenceMode` and `timeLeftMs` may still be
 * changed between prepareRequest and decideRequest, when the deadline asks for heuristics.
 */
export interface RequestContext {
  snapshotId: string;
  stateVersion: number;
  nowMs: number;
  arm: Arm;
  rolloutId: string;
  stage: number;
  rngCounter: number;
  live: LiveState;
  inferenceMode: DecisionInputs['inferenceMode'];
  /** Set by whoever infers; `onnx` where nothing did. */
  engine: InferenceEngine;
  /** Agents quarantined or without autonomy for this request; they run their baselines. */
  quarantined: string[];
  timeLeftMs: DecisionInputs['timeLeftMs'];
  /** Set by whoever asks a store of histories; absent where none is asked. */
  userFeatures?: UserFeatures;
}

/** One impression decided: what was read and what came out. */
export interface ImpressionDecision {
  inputs: DecisionInputs;
  outputs: DecisionOutputs;
}

/** Runs the arm's bid model over `rowCount` rows of 24 features; answers (mu, sigma) per row. A replay says by which engine. */
export type Infer = (rows: Float32Array, rowCount: number, engine?: InferenceEngine) => Promise<Float32Array>;

/** Reserves the full price of one impression (nanos) and one exposure under all caps, atomically; false = refused. */
export type Reserve = (campaignId: string, creativeId: string, priceNanos: number, impIndex: number) => boolean;

/**
 * Agents that may not use more than their baseline on this request: those that the kill switch quarantines and those whose
 * autonomy share does not cover the request (by hash of its id, so that the choice can be repeated).
 */
export function agentsWithoutAutonomy(
  snapshot: PolicySnapshot,
  requestId: string,
  extra: readonly string[] = [],
): string[] {
  const bps = snapshot.autonomyBps;
  const out = new Set<string>(extra);
  if (snapshot.kill.level === 'quarantine-agent') for (const agent of snapshot.kill.agents) out.add(agent);
  const check = (agent: Agent): void => {
    if (bps[agent] < 10_000 && hashText(`${agent}|${requestId}`) % 10_000 >= bps[agent]) out.add(agent);
  };
  check('budget');
  check('creative');
  check('bid');
  check('frequency');
  return out.size === 0 ? NOBODY : [...out].sort();
}

const NOBODY: string[] = [];

/**
 * Whether a request counts as eligible in KPI sums: no veto of the whole request and at least one impression without veto.
 * Independent of campaigns, policies and state.
 */
export function isEligible(request: NormalisedRequest): boolean {
  return request.veto === null && request.impressions.some((impression) => impression.veto === null);
}

import { isBelievable } from '../agents/bid';
import type { PolicyBundle } from '../contracts/agent';
import type { CandidateState, DecisionInputs, DecisionOutputs } from '../contracts/decision-record';
import { DECIDE_REASONS, type NoBidReason } from '../contracts/no-bid-reason';
import type { NormalisedImpression } from '../contracts/normalised-request';
import { FEATURE_COUNT } from '../features';
import type { Survivor } from '../matching/match';
import { nanosOfImpressions } from '../money';
import type { ServingIndex } from '../matching/serving-index';
import { bidOutputs, noBidOutputs } from './decision-outputs';
import type { PreparedImpression, PreparedRequest } from './prepare-request';
import type { ImpressionScene } from './impression-scene';
import { priceCandidate, safeCandidate, type Candidate } from './price-candidate';
import type { ImpressionDecision, Reserve } from './request-context';

/** Told of every campaign that survived the match and did not bid on an impression all the same; changes nothing. */
export type OnDeclined = (campaignId: string, reason: NoBidReason) => void;
const nobodyAsks: OnDeclined = () => undefined;

/** Values per row of an inference: mu and sigma. */
const LAW_WIDTH = 2;

/** Policies that an arm serves; without a canary in the snapshot everybody gets the champion's. */
export const policiesOf = (index: ServingIndex, arm: 'champion' | 'canary'): PolicyBundle =>
  arm === 'canary' && index.snapshot.canary !== null ? index.snapshot.canary.policies : index.snapshot.champion;

/**
 * Decides every impression of a prepared request: ranks the campaigns, reserves for the first that can, records why.
 * `inference` is rowCount × (mu, sigma); null or of another length = baselines for the whole request, and a row that is not
 * believable = baseline for its impression. Never throws for an agent's fault: that campaign plays its safe bid.
 */
export function decideRequest(
  index: ServingIndex,
  prepared: PreparedRequest,
  inference: Float32Array | null,
  reserve: Reserve,
  onDeclined: OnDeclined = nobodyAsks,
): ImpressionDecision[] {
  const { context, request } = prepared;
  const law = inference !== null && inference.length === prepared.rowCount * LAW_WIDTH ? inference : null;
  const mode = effectiveMode(context.inferenceMode, law !== null || prepared.rowCount === 0);
  const decisions: ImpressionDecision[] = [];
  for (const impression of prepared.impressions) {
    const inputs: DecisionInputs = {
      snapshotId: context.snapshotId,
      stateVersion: context.stateVersion,
      weightsVersion: index.snapshot.weights?.version ?? 0,
      nowMs: context.nowMs,
      arm: context.arm,
      rolloutId: context.rolloutId,
      stage: context.stage,
      rngCounter: context.rngCounter,
      impIndex: impression.impIndex,
      request,
      live: context.live,
      candidates: impression.match?.candidates ?? [],
      inferenceMode: mode,
      engine: context.engine,
      quarantined: context.quarantined,
      timeLeftMs: context.timeLeftMs,
      userFeatures: context.userFeatures,
    };
    const usable = mode === 'models' ? law : null;
    const outputs = decideImpression(index, prepared, impression, usable, reserve, inputs, onDeclined);
    decisions.push({ inputs, outputs });
  }
  return decisions;
}

/** 'models' without a usable inference was really a decision by heuristics: the record must say so to be replayed. */
function effectiveMode(asked: DecisionInputs['inferenceMode'], hasLaw: boolean): DecisionInputs['inferenceMode'] {
  return asked === 'models' && !hasLaw ? 'heuristics' : asked;
}

function decideImpression(
  index: ServingIndex,
  prepared: PreparedRequest,
  prep: PreparedImpression,
  law: Float32Array | null,
  reserve: Reserve,
  inputs: DecisionInputs,
  onDeclined: OnDeclined,
): DecisionOutputs {
  const { request } = prepared;
  const impression = request.impressions[prep.impIndex] as NormalisedImpression;
  const { match, rowIndex } = prep;
  if (match === null) return noBidOutputs(request.veto ?? impression.veto ?? 'no-candidate', {}, [], []);
  const features = rowIndex < 0 ? [] : featuresOf(prepared.rows, rowIndex);
  if (match.survivors.length === 0) {
    return noBidOutputs(match.reason ?? 'no-candidate', match.filtered, match.cappedButHungry, features);
  }
  const scene = sceneOf(index, prepared, prep, inputs.inferenceMode, lawOfRow(law, rowIndex));
  const filtered = { ...match.filtered };
  const ranked = rankCandidates(scene, match.survivors, filtered, onDeclined);
  const winner = reserveFirst(ranked, reserve, inputs, filtered, onDeclined);
  if (winner === null) return noBidOutputs(furthest(filtered), filtered, match.cappedButHungry, features);
  return bidOutputs(scene, winner, ranked, filtered, match.cappedButHungry, features);
}

/** One row as a plain array; by index, since an iterator makes an object per feature. */
function featuresOf(rows: Float32Array, rowIndex: number): number[] {
  const features: number[] = [];
  const from = rowIndex * FEATURE_COUNT;
  for (let i = 0; i < FEATURE_COUNT; i += 1) features.push(rows[from + i] as number);
  return features;
}

/** What a bid model says about one impression: the law of ln(price to beat in USD per mille). */
export interface WinLaw {
  mu: number;
  sigma: number;
}

const lawOfRow = (law: Float32Array | null, rowIndex: number): WinLaw | null =>
  law === null ? null : { mu: law[rowIndex * LAW_WIDTH] as number, sigma: law[rowIndex * LAW_WIDTH + 1] as number };

/** What the candidates of one impression share; a law that is not believable, or of a Bid without autonomy, is none. */
export function sceneOf(
  index: ServingIndex,
  prepared: PreparedRequest,
  prep: PreparedImpression,
  mode: DecisionInputs['inferenceMode'],
  law: WinLaw | null,
): ImpressionScene {
  const { request, context } = prepared;
  const policies = policiesOf(index, context.arm);
  const believed =
    law !== null && !context.quarantined.includes('bid') && isBelievable(policies.bid.params, law.mu, law.sigma)
      ? law
      : null;
  return {
    index,
    policies,
    request,
    context,
    impression: request.impressions[prep.impIndex] as NormalisedImpression,
    impIndex: prep.impIndex,
    hasLaw: believed !== null,
    mu: believed?.mu ?? 0,
    sigma: believed?.sigma ?? 0,
    isSafe: mode === 'safe',
  };
}

/** Prices all survivors and ranks them by expected surplus, ties by seeded hash. */
function rankCandidates(
  scene: ImpressionScene,
  survivors: readonly Survivor[],
  filtered: DecisionOutputs['filtered'],
  onDeclined: OnDeclined,
): Candidate[] {
  const ranked = priceSurvivors(scene, survivors, filtered, onDeclined);
  return ranked.length < 2 ? ranked : ranked.sort(byRank);
}

/** Guaranteed deals first: they must be bid on. */
const byRank = (a: Candidate, b: Candidate): number =>
  Number(b.isGuaranteed) - Number(a.isGuaranteed) || b.answer.score - a.answer.score || b.tie - a.tie;

/** Prices all survivors, in their order; those that do not bid are counted in `filtered`. */
export function priceSurvivors(
  scene: ImpressionScene,
  survivors: readonly Survivor[],
  filtered: DecisionOutputs['filtered'],
  onDeclined: OnDeclined = nobodyAsks,
): Candidate[] {
  const priced: Candidate[] = [];
  for (const survivor of survivors) {
    const result = scene.isSafe ? safeCandidate(scene, survivor, 'safe-bids-only') : priceOrSafe(scene, survivor);
    if (typeof result === 'string') {
      filtered[result] = (filtered[result] ?? 0) + 1;
      onDeclined(survivor.campaign.campaignId, result);
    } else priced.push(result);
  }
  return priced;
}

function priceOrSafe(scene: ImpressionScene, survivor: Survivor): Candidate | NoBidReason {
  try {
    return priceCandidate(scene, survivor);
  } catch (error) {
    // The last resort of agents.md: the fault is named in the record and counted by its mode 'safe'.
    return safeCandidate(scene, survivor, error instanceof Error ? error.name : 'agent-fault');
  }
}

/** Step 6: the first campaign whose atomic reservation succeeds answers. Refusals are inputs of a replay and are recorded. */
function reserveFirst(
  ranked: readonly Candidate[],
  reserve: Reserve,
  inputs: DecisionInputs,
  filtered: DecisionOutputs['filtered'],
  onDeclined: OnDeclined,
): Candidate | null {
  const quantity = inputs.request.impressions[inputs.impIndex]?.quantity ?? 1;
  for (const candidate of ranked) {
    const { campaignId } = candidate.survivor.campaign;
    // A CPM price in micros is the price of one impression in nanos.
    const priceNanos = nanosOfImpressions(candidate.answer.priceMicros, quantity);
    if (reserve(campaignId, candidate.creative.creativeId, priceNanos, inputs.impIndex)) return candidate;
    filtered['lost-race'] = (filtered['lost-race'] ?? 0) + 1;
    onDeclined(campaignId, 'lost-race');
    inputs.candidates = inputs.candidates.map((state): CandidateState =>
      state.campaignId === campaignId ? { ...state, lostRace: true } : state,
    );
  }
  return null;
}

/** Why nobody bid although some survived the match: the last stage that any campaign reached. */
const furthest = (filtered: DecisionOutputs['filtered']): NoBidReason =>
  DECIDE_REASONS.find((reason) => filtered[reason] !== undefined) ?? 'no-candidate';

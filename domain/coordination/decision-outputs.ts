import { gridMassOf } from '../agents/bid';
import type { AgentStep, CandidateState, DecisionOutputs } from '../contracts/decision-record';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { ImpressionScene } from './impression-scene';
import { scratchGrid, type Candidate } from './price-candidate';

/** Losing campaigns kept in the record. */
const MAX_LOSERS = 16;

type Conflict = DecisionOutputs['conflicts'][number];

/** Outputs of an impression on which nobody bids. */
export function noBidOutputs(
  reason: NoBidReason,
  filtered: DecisionOutputs['filtered'],
  cappedButHungry: readonly CandidateState[],
  features: number[],
): DecisionOutputs {
  return {
    noBidReason: reason,
    campaignId: null,
    creativeId: null,
    size: null,
    dealId: null,
    bidMicros: 0,
    filtered,
    actionSet: [],
    losingCampaigns: [],
    agents: null,
    propensity: null,
    counterfactual: null,
    conflicts: cappedButHungry.length === 0 ? [] : cappedButHungry.map(capOverSpend),
    features,
  };
}

/** Outputs of a bid: what was chosen, how probable it was, and every agent's own proposal. */
export function bidOutputs(
  scene: ImpressionScene,
  winner: Candidate,
  ranked: readonly Candidate[],
  filtered: DecisionOutputs['filtered'],
  cappedButHungry: readonly CandidateState[],
  features: number[],
): DecisionOutputs {
  const { answer, choice } = winner;
  const gridMass =
    winner.question === null
      ? 1
      : gridMassOf(winner.survivor.campaign.tuned[scene.context.arm].bid, winner.question, answer, scratchGrid);
  return {
    noBidReason: null,
    campaignId: winner.survivor.campaign.campaignId,
    creativeId: winner.creative.creativeId,
    size: winner.creative.size,
    dealId: winner.survivor.deal?.id ?? null,
    bidMicros: answer.priceMicros,
    filtered,
    actionSet: winner.pool.map((creative) => creative.creativeId),
    losingCampaigns: losersOf(ranked, winner),
    agents: {
      budget: budgetStep(scene, winner),
      creative: creativeStep(scene, winner),
      bid: bidStep(scene, winner),
      frequency: frequencyStep(scene, winner),
    },
    propensity: {
      creative: choice.propensity,
      gridMass,
      throttle: winner.passThrough,
      jointLog: Math.log(choice.propensity) + Math.log(gridMass) + Math.log(winner.passThrough),
    },
    counterfactual: {
      mu: scene.mu,
      sigma: scene.sigma,
      pCtr: winner.safeReason === null ? winner.creative.estimates[scene.context.arm].pCtr : 0,
      vMicros: winner.valueMicros,
      vPrimeMicros: winner.vPrimeMicros,
      psi: winner.psi,
      k: winner.k,
      kFrom: winner.kFrom,
      gridIndex: answer.gridIndex,
      expectedWinProbability: answer.winProbability,
    },
    conflicts: conflictsOf(winner, cappedButHungry),
    features,
  };
}

function losersOf(ranked: readonly Candidate[], winner: Candidate): DecisionOutputs['losingCampaigns'] {
  const losers: DecisionOutputs['losingCampaigns'] = [];
  for (const candidate of ranked) {
    if (candidate === winner || losers.length >= MAX_LOSERS) continue;
    const { campaignId } = candidate.survivor.campaign;
    losers.push({ campaignId, score: candidate.answer.score, bidMicros: candidate.answer.priceMicros });
  }
  return losers;
}

function modeOf(
  scene: ImpressionScene,
  agent: 'budget' | 'creative' | 'frequency',
  winner: Candidate,
): AgentStep['mode'] {
  if (winner.safeReason !== null) return 'safe';
  if (scene.context.quarantined.includes(agent)) return 'baseline';
  return scene.policies[agent].kind;
}

function budgetStep(scene: ImpressionScene, winner: Candidate): AgentStep {
  const mode = modeOf(scene, 'budget', winner);
  const isOverruled = mode !== 'safe' && winner.k !== winner.kBudget;
  return {
    proposal: winner.kBudget,
    chosen: winner.k,
    mode: isOverruled ? 'overruled' : mode,
    reason: winner.safeReason ?? `minimum from ${winner.kFrom}`,
  };
}

function creativeStep(scene: ImpressionScene, winner: Candidate): AgentStep {
  const { pool, choice, ownVariant, creative } = winner;
  const mode = modeOf(scene, 'creative', winner);
  const isReplaced = ownVariant !== creative;
  const isOverruled = isReplaced || choice.drawnIndex !== choice.playedIndex;
  return {
    proposal: isReplaced ? ownVariant.creativeId : (pool[choice.drawnIndex]?.creativeId ?? null),
    chosen: winner.creative.creativeId,
    mode: isOverruled ? 'overruled' : mode,
    reason: winner.safeReason ?? `draw ${winner.creativeDraw} of ${pool.length}`,
  };
}

function bidStep(scene: ImpressionScene, winner: Candidate): AgentStep {
  const { answer, question } = winner;
  if (winner.safeReason !== null || question === null) {
    return { proposal: null, chosen: answer.priceMicros, mode: 'safe', reason: winner.safeReason ?? 'safe' };
  }
  return {
    proposal: answer.proposalMicros,
    chosen: answer.priceMicros,
    mode: scene.hasLaw ? 'model' : 'baseline',
    reason: bidReason(scene, winner),
  };
}

function bidReason(scene: ImpressionScene, { answer, question }: Candidate): string {
  if (question !== null && answer.priceMicros === question.capMicros && answer.proposalMicros > question.capMicros) {
    return 'bid-cap';
  }
  if (question?.auctionType === 3) return 'fixed-price';
  if (!scene.hasLaw) return 'shading-table';
  if (answer.gridIndex < 0) return 'second-price';
  return answer.gridIndex === answer.bestIndex ? 'argmax' : 'exploration';
}

function frequencyStep(scene: ImpressionScene, winner: Candidate): AgentStep {
  return {
    proposal: winner.psi,
    chosen: winner.psi,
    mode: modeOf(scene, 'frequency', winner),
    reason: winner.safeReason ?? (winner.ownVariant === winner.creative ? 'fatigue' : 'saturated'),
  };
}

/** Conflicts that the matrix names, with the value before and after (agents.md, "Coordination"). */
function conflictsOf(winner: Candidate, cappedButHungry: readonly CandidateState[]): Conflict[] {
  const conflicts: Conflict[] = cappedButHungry.map(capOverSpend);
  if (winner.safeReason !== null) return conflicts;
  const { survivor, answer, question } = winner;
  conflicts.push(...conflictsOverVariants(winner));
  // A Bid agent that is conservative by its own intent is in conflict with nobody.
  const isSpent = survivor.state.explorationLeft <= 0;
  if (question !== null && answer.wantedToExplore && !question.mayExplore && isSpent) {
    const rule = 'price-exploration-allowance';
    conflicts.push({ rule, winner: 'budget', loser: 'bid', before: 'exploration', after: answer.priceMicros });
  }
  if (Number.isFinite(winner.kCpa) && winner.kCpa !== winner.kBudget) {
    const isCpa = winner.kCpa < winner.kBudget;
    conflicts.push({
      rule: 'minimum-multiplier',
      winner: isCpa ? 'cpa' : 'budget',
      loser: isCpa ? 'budget' : 'cpa',
      before: isCpa ? winner.kBudget : winner.kCpa,
      after: Math.min(winner.kBudget, winner.kCpa),
    });
  }
  if (survivor.campaign.isSurplus && winner.kBudget > 1) {
    const rule = 'surplus-ceiling';
    conflicts.push({ rule, winner: 'objective', loser: 'budget', before: winner.kBudget, after: winner.k });
  }
  if (question !== null && answer.proposalMicros > question.capMicros) {
    const rule = 'bid-cap';
    conflicts.push({
      rule,
      winner: 'campaign',
      loser: 'bid',
      before: answer.proposalMicros,
      after: answer.priceMicros,
    });
  }
  return conflicts;
}

/** Who decided which variant is shown: the allowance, Bid's or Frequency's intent, or Creative inside its allowance. */
function conflictsOverVariants({
  choice,
  pool,
  ownVariant,
  creative,
  isConservative,
  survivor,
}: Candidate): Conflict[] {
  const conflicts: Conflict[] = [];
  const nameOf = (at: number): string => pool[at]?.creativeId ?? '';
  const after = creative.creativeId;
  if (ownVariant !== creative) {
    const before = ownVariant.creativeId;
    conflicts.push({ rule: 'saturated-variant', winner: 'frequency', loser: 'creative', before, after });
  }
  const isExploratory = choice.drawnIndex !== choice.bestIndex;
  if (choice.drawnIndex !== choice.playedIndex) {
    const isByIntent = isConservative && survivor.state.explorationLeft > 0;
    const rule = isByIntent ? 'conservative-segment' : 'exploration-allowance';
    conflicts.push({ rule, winner: 'bid', loser: 'creative', before: nameOf(choice.drawnIndex), after });
  } else if (isExploratory && isConservative) {
    const before = nameOf(choice.bestIndex);
    conflicts.push({ rule: 'exploration-inside-allowance', winner: 'creative', loser: 'bid', before, after });
  }
  return conflicts;
}

/** Budget wants spend (m > 1) and Frequency vetoes: the cap wins, always. */
const capOverSpend = (state: CandidateState): Conflict => ({
  rule: `frequency-cap-over-spend:${state.campaignId}`,
  winner: 'frequency',
  loser: 'budget',
  before: state.pacingMultiplier,
  after: 0,
});

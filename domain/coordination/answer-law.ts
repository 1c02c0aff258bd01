import { massesOfPrices, MAX_GRID_POINTS, winProbability } from '../agents/bid';
import type { DecisionInputs } from '../contracts/decision-record';
import type { ServingIndex } from '../matching/serving-index';
import { priceSurvivors, sceneOf, type WinLaw } from './decide-request';
import type { ImpressionScene } from './impression-scene';
import { scratchGrid, type Candidate } from './price-candidate';
import { prepareRecorded, refusedIn } from './recorded-impression';

/** Answers rarer than this are left out: far points of a grid hold some 1e-11 each, and no log shows them. */
const LEAST_PROBABILITY = 1e-9;

/** One answer that an impression may get, before its price is drawn. */
export interface ProbableAnswer {
  campaignId: string;
  creativeId: string;
  priceMicros: number;
  /** Probability of exactly this answer; the answers of one impression sum to 1 (less what is rarer than 1e-9), or there is none. */
  probability: number;
  /** What the agents expect an impression won for this campaign to be worth: fatigue times value, micros per mille. */
  expectedValue: number;
}

/** A candidate's price level: how often it is played, and the surplus by which it ranks. */
interface PriceLevel {
  owner: number;
  priceMicros: number;
  mass: number;
  score: number;
}

/**
 * Every answer that a recorded impression could have got under a law of the price to beat, with its probability over the draws
 * of price exploration of all its candidates. Throttle and Creative's draws are taken as they fell: they do not depend on the
 * law. Campaigns whose reservation failed stay out, every other reservation is taken to succeed. Empty when nobody bids.
 *
 * With one candidate the probabilities are the logged `gridMass`; with several also which campaign answers is drawn, because
 * an explored price ranks by its own surplus.
 * @param index of the recorded snapshot, or of one with another Bid policy in it
 * @param law what the bid model says of the recorded features; null = no model ran
 */
export function answerLaw(index: ServingIndex, input: DecisionInputs, law: WinLaw | null): ProbableAnswer[] {
  const { whole, impression } = prepareRecorded(index, input);
  if (impression.match === null) return [];
  const mode = input.inferenceMode === 'models' && law === null ? 'heuristics' : input.inferenceMode;
  const scene = sceneOf(index, whole, impression, mode, mode === 'models' ? law : null);
  const refused = refusedIn(input.candidates);
  const candidates = priceSurvivors(scene, impression.match.survivors, {}).filter(
    ({ survivor }) => !refused.has(survivor.campaign.campaignId),
  );
  const levels = candidates.flatMap((candidate, owner) => levelsOf(scene, candidate, owner));
  return answersOf(candidates, levels);
}

/** Distinct prices of one candidate. Off the grid, or where exploring is not allowed, there is one. */
function levelsOf(scene: ImpressionScene, candidate: Candidate, owner: number): PriceLevel[] {
  const { question, answer } = candidate;
  if (question === null || answer.gridIndex < 0) {
    return [{ owner, priceMicros: answer.priceMicros, mass: 1, score: answer.score }];
  }
  const { epsilon, sigmaExplore, gridPoints } = candidate.survivor.campaign.tuned[scene.context.arm].bid;
  scratchGrid.fill(question.valueMicros, question.floorMicros, question.capMicros, gridPoints);
  const { prices, size } = scratchGrid;
  massesOfPrices(scratchGrid, answer.bestIndex, question.mayExplore ? epsilon : 0, sigmaExplore, scratchMasses);
  const levels: PriceLevel[] = [];
  for (let j = 0; j < size; j += 1) {
    const mass = scratchMasses[j] as number;
    if (mass === 0) continue;
    const priceMicros = prices[j] as number;
    const wins = winProbability(priceMicros, question.mu, question.sigma);
    levels.push({ owner, priceMicros, mass, score: (question.valueMicros - priceMicros) * wins });
  }
  return levels;
}

const scratchMasses = new Float64Array(MAX_GRID_POINTS);

/** A level answers when it is drawn and every other candidate drew a level that ranks below it. */
function answersOf(candidates: readonly Candidate[], levels: PriceLevel[]): ProbableAnswer[] {
  const tieOf = ({ owner }: PriceLevel): number => (candidates[owner] as Candidate).tie;
  const isGuaranteed = ({ owner }: PriceLevel): number => Number((candidates[owner] as Candidate).isGuaranteed);
  levels.sort((a, b) => isGuaranteed(a) - isGuaranteed(b) || a.score - b.score || tieOf(a) - tieOf(b));
  /** Mass of each candidate on the levels passed so far. */
  const below = new Float64Array(candidates.length);
  const answers: ProbableAnswer[] = [];
  for (const level of levels) {
    let probability = level.mass;
    for (let other = 0; other < below.length && probability >= LEAST_PROBABILITY; other += 1) {
      if (other !== level.owner) probability *= Math.min(1, below[other] as number);
    }
    below[level.owner] = (below[level.owner] as number) + level.mass;
    if (probability < LEAST_PROBABILITY) continue;
    const { survivor, creative, psi, valueMicros } = candidates[level.owner] as Candidate;
    answers.push({
      campaignId: survivor.campaign.campaignId,
      creativeId: creative.creativeId,
      priceMicros: level.priceMicros,
      probability,
      expectedValue: psi * valueMicros,
    });
  }
  return answers;
}

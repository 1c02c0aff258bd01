import type { BidParams } from '../../contracts/agent';
import { floorMicros } from '../../money';
import { type BidGrid, drawGridIndex, massOfPrice } from './bid-grid';
import { lnPrice, secondPriceSurplus, standardNormalCdf } from './win-law';

/** What pricing one candidate needs. Prices and values are CPM micros; floor <= v′ and floor <= cap hold. */
export interface PriceQuestion {
  valueMicros: number;
  floorMicros: number;
  capMicros: number;
  /** 1 first price, 2 second price, 3 fixed: `floorMicros` is then the price of the deal. */
  auctionType: 1 | 2 | 3;
  /** Win law of the impression; null = baseline by `shade`. */
  mu: number;
  sigma: number;
  hasLaw: boolean;
  /** Share of value that the baseline bids. */
  shade: number;
  mayExplore: boolean;
  /** Two independent uniform draws in [0, 1): whether to explore, and where. */
  exploreDraw: number;
  pointDraw: number;
}

/** The agent's answer. */
export interface PriceAnswer {
  /** Price before exploration and cap: the agent's own proposal. */
  proposalMicros: number;
  priceMicros: number;
  /** Played grid point, -1 off the grid (second price, baseline). */
  gridIndex: number;
  bestIndex: number;
  /** The draw asked for exploration (also when the allowance forbade it). */
  wantedToExplore: boolean;
  /** Expected surplus by which campaigns rank, micros. */
  score: number;
  /** F(price|x); 0 when unknown. */
  winProbability: number;
}

/** Prices one candidate (agents.md, "Bid agent"; coordination steps 4 and 5). `grid` is scratch and holds the grid afterwards. */
export function choosePrice(params: BidParams, question: PriceQuestion, grid: BidGrid): PriceAnswer {
  if (question.auctionType === 3) return fixedPrice(question);
  if (!question.hasLaw) return baselinePrice(question);
  return question.auctionType === 1 ? firstPrice(params, question, grid) : secondPrice(question);
}

/** The price of the deal exactly; other campaigns' bids do not decide who wins it. */
function fixedPrice(q: PriceQuestion): PriceAnswer {
  const priceMicros = Math.max(1, q.floorMicros);
  return {
    proposalMicros: priceMicros,
    priceMicros,
    gridIndex: -1,
    bestIndex: -1,
    wantedToExplore: false,
    score: q.valueMicros - priceMicros,
    winProbability: 1,
  };
}

function firstPrice(params: BidParams, q: PriceQuestion, grid: BidGrid): PriceAnswer {
  grid.fill(q.valueMicros, q.floorMicros, q.capMicros, params.gridPoints);
  const { prices, lnUnits, size } = grid;
  let bestIndex = 0;
  let bestSurplus = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < size; j += 1) {
    const price = prices[j] as number;
    const surplus = (q.valueMicros - price) * standardNormalCdf(((lnUnits[j] as number) - q.mu) / q.sigma);
    if (surplus > bestSurplus) {
      bestSurplus = surplus;
      bestIndex = j;
    }
  }
  const wantedToExplore = q.exploreDraw < params.epsilon;
  const isExploring = wantedToExplore && q.mayExplore;
  const gridIndex = isExploring ? drawGridIndex(grid, bestIndex, params.sigmaExplore, q.pointDraw) : bestIndex;
  const priceMicros = prices[gridIndex] as number;
  const winProbability = standardNormalCdf((lnPrice(priceMicros) - q.mu) / q.sigma);
  return {
    proposalMicros: q.capMicros < q.valueMicros ? uncappedProposal(q, grid) : (prices[bestIndex] as number),
    priceMicros,
    gridIndex,
    bestIndex,
    wantedToExplore,
    score: (q.valueMicros - priceMicros) * winProbability,
    winProbability,
  };
}

/** What the agent would bid if the campaign had no cap: recorded so that an overruled proposal can be seen. */
function uncappedProposal(q: PriceQuestion, grid: BidGrid): number {
  let best = 0;
  let bestSurplus = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < grid.size; j += 1) {
    const price = Math.exp(grid.lnRaw[j] as number);
    const surplus = (q.valueMicros - price) * standardNormalCdf((lnPrice(price) - q.mu) / q.sigma);
    if (surplus <= bestSurplus) continue;
    bestSurplus = surplus;
    best = price;
  }
  return Math.max(q.floorMicros, floorMicros(best));
}

function secondPrice(q: PriceQuestion): PriceAnswer {
  const priceMicros = clamp(floorMicros(q.valueMicros), q);
  return {
    proposalMicros: floorMicros(q.valueMicros),
    priceMicros,
    gridIndex: -1,
    bestIndex: -1,
    wantedToExplore: false,
    score: secondPriceSurplus(q.valueMicros, priceMicros, q.mu, q.sigma),
    winProbability: standardNormalCdf((lnPrice(priceMicros) - q.mu) / q.sigma),
  };
}

/** Without a law campaigns rank by value: any common win probability gives that order. */
function baselinePrice(q: PriceQuestion): PriceAnswer {
  const proposalMicros = floorMicros(q.auctionType === 1 ? q.valueMicros * q.shade : q.valueMicros);
  return {
    proposalMicros,
    priceMicros: clamp(proposalMicros, q),
    gridIndex: -1,
    bestIndex: -1,
    wantedToExplore: false,
    score: q.valueMicros,
    winProbability: 0,
  };
}

function clamp(price: number, q: PriceQuestion): number {
  const least = Math.max(1, q.floorMicros);
  const most = Math.max(least, Math.min(q.capMicros, floorMicros(q.valueMicros)));
  return Math.min(most, Math.max(least, price));
}

/**
 * Mass of the price played, for the record (agents.md): 1 off the grid; else the exploration rule's mass after clamping. Fills
 * `grid` again, because other candidates have used it since.
 */
export function gridMassOf(params: BidParams, question: PriceQuestion, answer: PriceAnswer, grid: BidGrid): number {
  if (answer.gridIndex < 0) return 1;
  if (!question.mayExplore) return 1;
  grid.fill(question.valueMicros, question.floorMicros, question.capMicros, params.gridPoints);
  return massOfPrice(grid, answer.bestIndex, answer.priceMicros, params.epsilon, params.sigmaExplore);
}

import { floorMicros } from '../../money';

/** Largest grid that a policy may ask for (contracts: BidParams.gridPoints). */
export const MAX_GRID_POINTS = 64;
/** The grid starts at v′/64 when the floor is lower. */
const DEPTH = 64;
const LN_MILLION = Math.log(1e6);

/**
 * Log grid of prices from max(floor, v′/64) to v′, clamped to [max(floor, 1), cap] and floored to integer micros. One instance is
 * reused for all candidates of a process: `fill` allocates nothing.
 */
export class BidGrid {
  readonly prices = new Float64Array(MAX_GRID_POINTS);
  /** ln of the unclamped grid value in micros, for the exploration law. */
  readonly lnRaw = new Float64Array(MAX_GRID_POINTS);
  /** ln of the clamped grid value in units per mille, for the win law. */
  readonly lnUnits = new Float64Array(MAX_GRID_POINTS);
  size = 0;

  /** Fills the grid; needs floor <= v′ and floor <= cap. Prices ascend (weakly, where they clamp). */
  fill(valueMicros: number, floor: number, cap: number, points: number): void {
    const least = Math.max(1, floor);
    const low = Math.max(floor, valueMicros / DEPTH);
    const most = Math.max(least, Math.min(cap, floorMicros(valueMicros)));
    const lnLow = Math.log(low);
    const lnLeast = Math.log(least);
    const lnMost = Math.log(most);
    const step = points > 1 ? (Math.log(valueMicros) - lnLow) / (points - 1) : 0;
    const ratio = Math.exp(step);
    this.size = points;
    let raw = low;
    for (let j = 0; j < points; j += 1) {
      const ln = lnLow + j * step;
      this.lnRaw[j] = ln;
      this.lnUnits[j] = Math.min(lnMost, Math.max(lnLeast, ln)) - LN_MILLION;
      this.prices[j] = Math.min(most, Math.max(least, Math.floor(j === points - 1 ? valueMicros : raw)));
      raw *= ratio;
    }
  }
}

/**
 * Probability with which the rule "b* with 1 − ε, else a draw of the discretised log-normal(σ_b) around b*" plays `price`: the mass
 * of all grid points that clamp to it (agents.md, "Bid agent"). In (0, 1] for every price on the grid.
 */
export function massOfPrice(
  grid: BidGrid,
  bestIndex: number,
  price: number,
  epsilon: number,
  sigmaExplore: number,
): number {
  const { prices, lnRaw, size } = grid;
  let played = 0;
  let total = 0;
  for (let j = 0; j < size; j += 1) {
    const weight = explorationWeight(lnRaw, j, bestIndex, sigmaExplore);
    total += weight;
    if (prices[j] === price) played += weight;
  }
  const best = prices[bestIndex] === price ? 1 - epsilon : 0;
  return Math.min(1, best + (epsilon * played) / total);
}

/**
 * As `massOfPrice`, of all prices at once: `into[j]` is the mass of `grid.prices[j]` where j is the first point with that price, and 0 at
 * the other points that clamp to it. They sum to 1.
 */
export function massesOfPrices(
  grid: BidGrid,
  bestIndex: number,
  epsilon: number,
  sigmaExplore: number,
  into: Float64Array,
): void {
  const { prices, lnRaw, size } = grid;
  let total = 0;
  let first = 0;
  for (let j = 0; j < size; j += 1) {
    if (prices[j] !== prices[first]) first = j;
    const weight = explorationWeight(lnRaw, j, bestIndex, sigmaExplore);
    total += weight;
    into[j] = 0;
    into[first] = (into[first] as number) + weight;
  }
  for (let j = 0; j < size; j += 1) {
    const best = (into[j] as number) > 0 && prices[j] === prices[bestIndex] ? 1 - epsilon : 0;
    into[j] = best + (epsilon * (into[j] as number)) / total;
  }
}

/** Draws a grid index from the exploration law around `bestIndex`; `uniform` in [0, 1). */
export function drawGridIndex(grid: BidGrid, bestIndex: number, sigmaExplore: number, uniform: number): number {
  const { lnRaw, size } = grid;
  let total = 0;
  for (let j = 0; j < size; j += 1) total += explorationWeight(lnRaw, j, bestIndex, sigmaExplore);
  let left = uniform * total;
  for (let j = 0; j < size; j += 1) {
    left -= explorationWeight(lnRaw, j, bestIndex, sigmaExplore);
    if (left < 0) return j;
  }
  return size - 1;
}

/** Weight of point j under the log-normal around b*; floored so that no grid point has probability 0. */
function explorationWeight(lnRaw: Float64Array, j: number, bestIndex: number, sigmaExplore: number): number {
  const z = ((lnRaw[j] as number) - (lnRaw[bestIndex] as number)) / sigmaExplore;
  return Math.exp(-0.5 * z * z) + 1e-9;
}

/** What the edges' controllers stood at over one tick, as sums over bids. */
export interface PacingTickSums {
  bids: number;
  /** Sums of the multiplier and of the pass-through, in millionths. */
  multiplierPpm: number;
  passThroughPpm: number;
}

/** Fewer bids say nothing about a tick. */
const MIN_BIDS = 20;

/**
 * Where the fleet's controllers stood on average: a controller that starts anew (a fresh edge, a new arm) begins there rather than at
 * 1. Null without enough bids. Rounded to four digits, or every tick would differ in noise.
 */
export function pacingTarget(sums: PacingTickSums): { multiplier: number; passThrough: number } | null {
  if (sums.bids < MIN_BIDS) return null;
  const mean = (ppm: number): number => Math.max(1e-4, Number((ppm / sums.bids / 1e6).toFixed(4)));
  return { multiplier: mean(sums.multiplierPpm), passThrough: Math.min(1, mean(sums.passThroughPpm)) };
}

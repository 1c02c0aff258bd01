/** Result of one draw. Indices are into the action set. */
export interface CreativeChoice {
  /** Best by the agent's own estimate. */
  bestIndex: number;
  /** What the draw asked for, before the exploration allowance is applied. */
  drawnIndex: number;
  /** What is played. */
  playedIndex: number;
  /** Exact probability with which the rule plays `playedIndex` given the action set and the allowance. */
  propensity: number;
}

/**
 * ε-greedy over K survivors: p(a) = ε/K + (1 − ε)·1[a = best]. Without exploration left (`mayExplore` false) the best is
 * played with probability 1, and the draw is kept only to name the conflict. `uniform` in [0, 1). Throws on an empty set.
 * @param rateOf estimate of the k-th creative; ties go to the first.
 */
export function chooseCreative<T>(
  creatives: readonly T[],
  rateOf: (creative: T) => number,
  epsilon: number,
  mayExplore: boolean,
  uniform: number,
): CreativeChoice {
  const count = creatives.length;
  if (count === 0) throw new RangeError('no creative to choose from');
  let bestIndex = 0;
  let bestRate = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i += 1) {
    const rate = rateOf(creatives[i] as T);
    if (rate > bestRate) {
      bestRate = rate;
      bestIndex = i;
    }
  }
  const drawnIndex = uniform < epsilon ? Math.min(count - 1, Math.floor((uniform / epsilon) * count)) : bestIndex;
  if (!mayExplore) return { bestIndex, drawnIndex, playedIndex: bestIndex, propensity: 1 };
  const propensity = epsilon / count + (drawnIndex === bestIndex ? 1 - epsilon : 0);
  return { bestIndex, drawnIndex, playedIndex: drawnIndex, propensity: Math.min(1, propensity) };
}

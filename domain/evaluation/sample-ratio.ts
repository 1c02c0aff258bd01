import { chiSquareTail, logRisingRatio } from './gamma-function';

/** A sample ratio mismatch is alarmed below this p. */
export const SRM_ALARM_P = 0.001;
/** Strength of the Dirichlet prior around the planned shares (Lindon & Malek; ssrm_test's default). */
export const SRM_PRIOR_STRENGTH = 10_000;

/** χ² of counts against shares. */
export interface SampleRatio {
  chi2: number;
  p: number;
}

/**
 * Fixed-sample check. @param counts distinct users per arm; @param shares > 0, any scale
 * @throws RangeError on different lengths, a share <= 0 or no counts
 */
export function fixedSampleRatio(counts: readonly number[], shares: readonly number[]): SampleRatio {
  const planned = normalisedShares(counts, shares);
  const total = counts.reduce((a, b) => a + b, 0);
  if (!(total > 0)) throw new RangeError('sample ratio: no counts');
  let chi2 = 0;
  for (let k = 0; k < counts.length; k++) {
    const expected = total * planned[k]!;
    chi2 += (counts[k]! - expected) ** 2 / expected;
  }
  return { chi2, p: chiSquareTail(chi2, counts.length - 1) };
}

/**
 * Sequential check, valid at every look: p_t = min(p_{t−1}, 1/BF_t) with BF the Dirichlet-multinomial against the multinomial
 * at the planned shares. The product of the batches' factors telescopes, so cumulative counts and the last p are enough.
 * @param counts cumulative distinct user keys per arm at first exposure in the stage; never requests
 * @param previousP p of the last look of this stage, 1 at its start
 * @throws RangeError on different lengths or a share <= 0. Source: Lindon & Malek, NeurIPS 2022; statistics.md 6.
 */
export function sequentialSampleRatioP(
  counts: readonly number[],
  shares: readonly number[],
  previousP: number,
  priorStrength: number = SRM_PRIOR_STRENGTH,
): number {
  const planned = normalisedShares(counts, shares);
  // With alpha_k = strength·p0_k the terms n_k·ln(alpha_k/strength) and n_k·ln p0_k cancel.
  let logBayesFactor = 0;
  let total = 0;
  for (let k = 0; k < counts.length; k++) {
    logBayesFactor += logRisingRatio(priorStrength * planned[k]!, counts[k]!);
    total += counts[k]!;
  }
  logBayesFactor -= logRisingRatio(priorStrength, total);
  return Math.min(previousP, Math.exp(-logBayesFactor));
}

function normalisedShares(counts: readonly number[], shares: readonly number[]): number[] {
  if (counts.length !== shares.length || counts.length < 2)
    throw new RangeError('sample ratio: arms do not match shares');
  if (counts.some((count) => !(count >= 0))) throw new RangeError('sample ratio: counts must be >= 0');
  if (shares.some((share) => !(share > 0))) throw new RangeError('sample ratio: shares must be > 0');
  const sum = shares.reduce((a, b) => a + b, 0);
  return shares.map((share) => share / sum);
}

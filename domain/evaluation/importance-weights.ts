/** What the weights say about how much of the log speaks for the evaluated policy. */
export interface ImportanceWeights {
  mean: number;
  max: number;
  min: number;
  /** Effective sample size (Σw)² / Σw², rows (Kish). */
  ess: number;
}

/** Summary of importance weights, >= 0, at least one. All weights 0 give ess 0. */
export function importanceWeights(weights: Float64Array): ImportanceWeights {
  let sum = 0;
  let squares = 0;
  let max = -Infinity;
  let min = Infinity;
  for (const weight of weights) {
    sum += weight;
    squares += weight * weight;
    if (weight > max) max = weight;
    if (weight < min) min = weight;
  }
  return { mean: sum / weights.length, max, min, ess: squares > 0 ? (sum * sum) / squares : 0 };
}

/** Below this share of n the effective sample is too small to report an estimate (agents.md, "Off-policy evaluation"). */
export const MIN_ESS_SHARE = 0.01;
/** Above this share of the evaluated policy's probability on actions the log cannot show, support is missing. */
export const MAX_UNSUPPORTED_SHARE = 0.05;

/** Why an estimate is refused. */
export interface OverlapRefusal {
  code: 'LOW_EFFECTIVE_SAMPLE_SIZE' | 'MISSING_SUPPORT';
  detail: string;
}

/**
 * Reasons to refuse, empty when the log can speak for the evaluated policy.
 * @param rows n of the log
 * @param unsupportedShare probability, averaged over the log's contexts, that the evaluated policy gives to actions whose
 *   propensity in the log is 0
 */
export function overlapRefusals(weights: ImportanceWeights, rows: number, unsupportedShare: number): OverlapRefusal[] {
  const refusals: OverlapRefusal[] = [];
  const share = weights.ess / rows;
  if (!(share >= MIN_ESS_SHARE))
    refusals.push({
      code: 'LOW_EFFECTIVE_SAMPLE_SIZE',
      detail: `effective sample size ${weights.ess.toPrecision(4)} of ${rows} rows is below ${MIN_ESS_SHARE * 100} %`,
    });
  if (unsupportedShare > MAX_UNSUPPORTED_SHARE)
    refusals.push({
      code: 'MISSING_SUPPORT',
      detail:
        `${(unsupportedShare * 100).toPrecision(3)} % of the evaluated policy's choices are actions that the log never ` +
        `shows; more than ${MAX_UNSUPPORTED_SHARE * 100} % is too much`,
    });
  return refusals;
}

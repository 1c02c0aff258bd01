import type { Interval, Rng } from './bootstrap';
import { importanceWeights, overlapRefusals, type ImportanceWeights, type OverlapRefusal } from './importance-weights';
import { LoggedFeedback } from './logged-feedback';
import { OFF_POLICY_ESTIMATORS, type EstimatorName } from './off-policy-estimators';
import {
  cellOf,
  expectedRewards,
  smoothedRewards,
  unsupportedShare,
  type ActionTable,
  type TabularLog,
} from './tabular-policy';

/** What a tabular off-policy evaluation found. */
export interface OffPolicyReport {
  n: number;
  estimates: Record<EstimatorName, number>;
  intervals: Record<EstimatorName, Interval>;
  importanceWeights: ImportanceWeights;
  unsupportedShare: number;
  warnings: string[];
}

/** Evaluation or refusal; `forced` reports carry the refusals they overrode. */
export type OffPolicyResult =
  | { kind: 'reported'; report: OffPolicyReport; overridden: OverlapRefusal[] }
  | { kind: 'refused'; refusals: OverlapRefusal[]; importanceWeights: ImportanceWeights; n: number };

/** Options of one evaluation. */
export interface OffPolicyOptions {
  /** A fresh generator per estimator, so that adding an estimator does not change another's interval. */
  rngFor: (estimator: EstimatorName) => Rng;
  resamples: number;
  level: number;
  /** Report in spite of missing overlap; the result says what was overridden. */
  force: boolean;
}

/**
 * Value of `evaluated` from a log of another policy, per impression, with q(a, pos) smoothed on the same log.
 * Refuses when the effective sample is below 1 % of n or support is missing, unless forced.
 * @throws LoggedFeedbackError on bad data
 */
export function evaluateTabular(log: TabularLog, evaluated: ActionTable, options: OffPolicyOptions): OffPolicyResult {
  const feedback = joinFeedback(log, evaluated);
  const weights = importanceWeights(feedback.weight);
  const unsupported = unsupportedShare(log, evaluated);
  const refusals = overlapRefusals(weights, feedback.n, unsupported);
  if (refusals.length > 0 && !options.force)
    return { kind: 'refused', refusals, importanceWeights: weights, n: feedback.n };

  const estimates = {} as Record<EstimatorName, number>;
  const intervals = {} as Record<EstimatorName, Interval>;
  for (const estimator of OFF_POLICY_ESTIMATORS) {
    estimates[estimator.name] = estimator.estimate(feedback);
    intervals[estimator.name] = estimator.interval(feedback, {
      rng: options.rngFor(estimator.name),
      resamples: options.resamples,
      level: options.level,
    });
  }
  const report: OffPolicyReport = {
    n: feedback.n,
    estimates,
    intervals,
    importanceWeights: weights,
    unsupportedShare: unsupported,
    warnings: warningsOf(feedback, weights, unsupported),
  };
  return { kind: 'reported', report, overridden: refusals };
}

/** Joins a log with the evaluated policy and a reward model fitted on that log. */
export function joinFeedback(log: TabularLog, evaluated: ActionTable): LoggedFeedback {
  const rewards = smoothedRewards(log);
  const expected = expectedRewards(evaluated, rewards);
  const rows = log.action.length;
  const column = (value: (row: number) => number) => Float64Array.from({ length: rows }, (_, row) => value(row));
  return new LoggedFeedback({
    reward: log.reward,
    logged: log.propensity,
    evaluated: column((row) => evaluated.values[cellOf(log, row)]!),
    modelled: column((row) => rewards.values[cellOf(log, row)]!),
    expected: column((row) => expected[log.position[row]!]!),
  });
}

function warningsOf(feedback: LoggedFeedback, weights: ImportanceWeights, unsupported: number): string[] {
  const warnings: string[] = [];
  const rewarded = feedback.reward.reduce((count, reward) => count + (reward !== 0 ? 1 : 0), 0);
  if (rewarded < 100) warnings.push(`only ${rewarded} rewarded rows: the intervals are wide and skewed`);
  const spread = Math.sqrt(feedback.weight.reduce((sum, w) => sum + (w - weights.mean) ** 2, 0)) / feedback.n;
  if (Math.abs(weights.mean - 1) > 4 * spread && Math.abs(weights.mean - 1) > 1e-9)
    warnings.push(`the mean weight is ${weights.mean.toPrecision(4)}, not 1: propensities or policy table are off`);
  if (unsupported > 0)
    warnings.push(`${(unsupported * 100).toPrecision(3)} % of the evaluated policy's choices never occur in the log`);
  return warnings;
}

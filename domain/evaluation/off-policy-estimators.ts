import { bootstrapInterval, type BootstrapOptions, type Interval } from './bootstrap';
import type { LoggedFeedback } from './logged-feedback';

export const ESTIMATOR_NAMES = ['ipw', 'snipw', 'dm', 'dr', 'sndr'] as const;
export type EstimatorName = (typeof ESTIMATOR_NAMES)[number];

/** One off-policy estimator: the value of the evaluated policy per row, and a bootstrap interval of it. */
export interface OffPolicyEstimator {
  readonly name: EstimatorName;
  /** Formula in words, w = evaluated/logged, r reward, q model at the action, v model's expectation. */
  readonly formula: string;
  estimate(log: LoggedFeedback): number;
  /** Percentile bootstrap over rows. */
  interval(log: LoggedFeedback, options: BootstrapOptions): Interval;
}

/** Sums over rows from which an estimator's value follows; a row counts as often as it was drawn. */
interface EstimatorTerms {
  /** Added up and divided by n. */
  mean(log: LoggedFeedback, row: number): number;
  /** Added up and divided by Σw; absent where nothing is self-normalised. */
  normalised?(log: LoggedFeedback, row: number): number;
}

function estimator(name: EstimatorName, formula: string, terms: EstimatorTerms): OffPolicyEstimator {
  const columns = (log: LoggedFeedback) => {
    const { mean, normalised } = terms;
    return {
      mean: Float64Array.from(log.weight, (_, row) => mean(log, row)),
      normalised: normalised ? Float64Array.from(log.weight, (_, row) => normalised(log, row)) : null,
      weight: log.weight,
    };
  };
  return {
    name,
    formula,
    estimate(log) {
      const { mean, normalised, weight } = columns(log);
      const sum = (column: Float64Array) => column.reduce((a, b) => a + b, 0);
      return sum(mean) / log.n + (normalised ? sum(normalised) / sum(weight) : 0);
    },
    interval: (log, options) => bootstrapInterval(columns(log), options),
  };
}

const residual = (log: LoggedFeedback, row: number) => log.weight[row]! * (log.reward[row]! - log.modelled[row]!);

/** Inverse propensity scoring (Horvitz & Thompson). */
export const inversePropensity = estimator('ipw', 'mean(w r)', {
  mean: (log, row) => log.weight[row]! * log.reward[row]!,
});

/** Self-normalised inverse propensity scoring (Swaminathan & Joachims, NeurIPS 2015). */
export const selfNormalised = estimator('snipw', 'sum(w r) / sum(w)', {
  mean: () => 0,
  normalised: (log, row) => log.weight[row]! * log.reward[row]!,
});

/** Direct method: the reward model alone. */
export const directMethod = estimator('dm', 'mean(v)', { mean: (log, row) => log.expected[row]! });

/** Doubly robust (Dudík et al., 2014). */
export const doublyRobust = estimator('dr', 'mean(v + w (r - q))', {
  mean: (log, row) => log.expected[row]! + residual(log, row),
});

/** Self-normalised doubly robust. */
export const selfNormalisedDoublyRobust = estimator('sndr', 'mean(v) + sum(w (r - q)) / sum(w)', {
  mean: (log, row) => log.expected[row]!,
  normalised: residual,
});

/** All five, in the order in which reports show them. */
export const OFF_POLICY_ESTIMATORS: readonly OffPolicyEstimator[] = [
  inversePropensity,
  selfNormalised,
  directMethod,
  doublyRobust,
  selfNormalisedDoublyRobust,
];

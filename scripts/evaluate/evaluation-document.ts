import type { Interval } from '#domain/evaluation/bootstrap';
import type { ImportanceWeights, OverlapRefusal } from '#domain/evaluation/importance-weights';
import { evaluateTabular } from '#domain/evaluation/off-policy-report';
import { ESTIMATOR_NAMES, type EstimatorName } from '#domain/evaluation/off-policy-estimators';
import { seededRandom } from '#domain/evaluation/seeded-random';
import { EvaluateFault } from './evaluate-fault';
import { readOpenBandit, type OpenBanditQuery } from './open-bandit-data';

/** What `evaluate … --json` prints; keys are stable. */
export interface EvaluationDocument {
  dataset: 'open-bandit';
  campaign: string;
  from: string;
  to: string;
  n: number;
  n_actions: number;
  n_positions: number;
  rewards: number;
  reward_model: string;
  estimates: Record<EstimatorName, number>;
  intervals: Record<EstimatorName, Interval>;
  importance_weights: ImportanceWeights;
  bootstrap: { seed: number; resamples: number; level: number };
  seed: number;
  warnings: string[];
  /** True when --force overrode refusals: the numbers must not be relied on. */
  forced: boolean;
  refusals: OverlapRefusal[];
}

/** Bootstrap settings and force. */
export interface EvaluationSettings {
  seed: number;
  resamples: number;
  level: number;
  force: boolean;
}

/** Overlap refusal: carries the weights, so that a reader sees how little the log says. */
export class OverlapFault extends EvaluateFault {
  constructor(
    readonly refusals: OverlapRefusal[],
    readonly importanceWeights: ImportanceWeights,
    readonly n: number,
    query: OpenBanditQuery,
  ) {
    super(
      'INSUFFICIENT_OVERLAP',
      6,
      `the log of ${query.from} cannot say what ${query.to} would earn`,
      refusals.map((refusal) => refusal.detail).join('; '),
      `evaluate a policy closer to ${query.from}, log with more exploration, or add --force to print values that must not be relied on`,
    );
  }
}

/** Reads, evaluates, reports. @throws EvaluateFault */
export function evaluateOpenBandit(query: OpenBanditQuery, settings: EvaluationSettings): EvaluationDocument {
  const { log, evaluated } = readOpenBandit(query);
  const result = evaluateTabular(log, evaluated, {
    rngFor: (estimator) => seededRandom(settings.seed + ESTIMATOR_NAMES.indexOf(estimator) * 2 ** 32),
    resamples: settings.resamples,
    level: settings.level,
    force: settings.force,
  });
  if (result.kind === 'refused') throw new OverlapFault(result.refusals, result.importanceWeights, result.n, query);
  const { report, overridden } = result;
  return {
    dataset: 'open-bandit',
    campaign: query.campaign,
    from: query.from,
    to: query.to,
    n: report.n,
    n_actions: log.actions,
    n_positions: log.positions,
    rewards: log.reward.reduce((total, reward) => total + reward, 0),
    reward_model: 'q(a,pos) = (clicks + 1) / (n + 200), fitted on the same log',
    estimates: report.estimates,
    intervals: report.intervals,
    importance_weights: report.importanceWeights,
    bootstrap: { seed: settings.seed, resamples: settings.resamples, level: settings.level },
    seed: settings.seed,
    warnings: report.warnings,
    forced: overridden.length > 0,
    refusals: overridden,
  };
}

import type { KpiSum, Metric } from '../contracts';
import type { Better } from '../evaluation/non-inferiority';

/** How a plan's metric is computed from KPI sums and judged (control-plane.md, "Metrics a plan may name"). */
export interface MetricDefinition {
  /** `ratio`: a pair of sums over users, tested by sections 1-3 of the statistics; `system`: the catastrophe rule. */
  kind: 'ratio' | 'system';
  /** Null: no pair of sums, but a quantile of the arm's latency histogram. */
  numerator: KpiSum | null;
  /** Null: planned spend of the arm, or its latency histogram, handed in with the look. */
  denominator: KpiSum | null;
  /** Events that carry the metric's information; sample minima count these. */
  events: KpiSum;
  better: Better;
  defaultRole: 'primary' | 'guardrail' | 'signal';
  /** Relative for `ratio` metrics and latency; absolute (share points, or ratio above 1) for the other `system` ones. */
  defaultMargin: number;
  /** Ratio of sums times this is the unit shown to people. */
  scale: number;
  unit: string;
}

const NANOS_TO_USD = 1e-9;
const PER_MILLE_USD = 1e-6;

/** Every metric a plan may name. Money sums are nanos, so a ratio per request in nanos is a CPM in micros. */
export const METRIC_CATALOGUE: Readonly<Record<Metric, MetricDefinition>> = {
  value: {
    kind: 'ratio',
    numerator: 'valueNanos',
    denominator: 'eligible',
    events: 'clicks',
    better: 'higher',
    defaultRole: 'primary',
    defaultMargin: 0.05,
    scale: PER_MILLE_USD,
    unit: 'USD per 1,000 eligible requests',
  },
  revenue: {
    kind: 'ratio',
    numerator: 'spendNanos',
    denominator: 'eligible',
    events: 'impressions',
    better: 'higher',
    defaultRole: 'signal',
    defaultMargin: 0.05,
    scale: PER_MILLE_USD,
    unit: 'USD per 1,000 eligible requests',
  },
  cpa: {
    kind: 'ratio',
    numerator: 'spendNanos',
    denominator: 'conversions',
    events: 'conversions',
    better: 'lower',
    defaultRole: 'guardrail',
    defaultMargin: 0.05,
    scale: NANOS_TO_USD,
    unit: 'USD per conversion',
  },
  cpc: {
    kind: 'ratio',
    numerator: 'spendNanos',
    denominator: 'clicks',
    events: 'clicks',
    better: 'lower',
    defaultRole: 'guardrail',
    defaultMargin: 0.05,
    scale: NANOS_TO_USD,
    unit: 'USD per click',
  },
  ctr: {
    kind: 'ratio',
    numerator: 'clicks',
    denominator: 'impressions',
    events: 'clicks',
    better: 'higher',
    defaultRole: 'guardrail',
    defaultMargin: 0.05,
    scale: 100,
    unit: '% of impressions',
  },
  winRate: {
    kind: 'ratio',
    numerator: 'wins',
    denominator: 'bids',
    events: 'wins',
    better: 'higher',
    defaultRole: 'signal',
    defaultMargin: 0.05,
    scale: 100,
    unit: '% of bids',
  },
  roi: {
    kind: 'ratio',
    numerator: 'valueNanos',
    denominator: 'spendNanos',
    events: 'clicks',
    better: 'higher',
    defaultRole: 'guardrail',
    defaultMargin: 0.05,
    scale: 1,
    unit: 'value per unit spent',
  },
  spendToPlan: {
    kind: 'system',
    numerator: 'spendNanos',
    denominator: null,
    events: 'impressions',
    better: 'lower',
    defaultRole: 'guardrail',
    defaultMargin: 0.2,
    scale: 1,
    unit: 'of the planned spend',
  },
  fallbackShare: systemShare('fallbacks'),
  lateShare: systemShare('late'),
  errorShare: systemShare('errors'),
  repeatExposure: {
    kind: 'ratio',
    numerator: 'repeats',
    denominator: 'impressions',
    events: 'repeats',
    better: 'lower',
    defaultRole: 'guardrail',
    defaultMargin: 0.05,
    scale: 100,
    unit: '% of impressions',
  },
  latencyMsP99: {
    kind: 'system',
    numerator: null,
    denominator: null,
    events: 'requests',
    better: 'lower',
    defaultRole: 'guardrail',
    defaultMargin: 0.2,
    scale: 1,
    unit: 'ms',
  },
};

function systemShare(numerator: KpiSum): MetricDefinition {
  return {
    kind: 'system',
    numerator,
    denominator: 'requests',
    events: 'requests',
    better: 'lower',
    defaultRole: 'guardrail',
    defaultMargin: 0.05,
    scale: 100,
    unit: '% of decisions',
  };
}

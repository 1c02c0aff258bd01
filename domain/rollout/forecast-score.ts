import type { Forecast, MetricEvidence } from '../contracts';
import { METRIC_CATALOGUE } from './metric-catalogue';

/** A relative effect (candidate over champion minus 1) with the interval it is believed to lie in. */
export interface EffectRange {
  effect: number;
  lower: number;
  upper: number;
}

/**
 * Relative effect that a canary found, over its stages: the bounds of D = R_T − (1 − m) R_C, divided by the control's ratio and
 * moved by the margin (mirrored where lower is better). Null where nothing was measured.
 */
export function foundEffect(evidence: MetricEvidence): EffectRange | null {
  const { metric, margin, control, lower, upper, relativeEffect } = evidence;
  if (METRIC_CATALOGUE[metric].kind !== 'ratio' || evidence.verdict === 'no-data' || !(control > 0)) return null;
  const worst = lower / control - margin;
  const best = upper / control - margin;
  const found =
    METRIC_CATALOGUE[metric].better === 'higher'
      ? { effect: relativeEffect, lower: worst, upper: best }
      : { effect: relativeEffect, lower: -best, upper: -worst };
  return Object.values(found).every(Number.isFinite) ? found : null;
}

/** A forecast and what became of it. */
export interface ScoredForecast {
  forecast: Pick<Forecast, 'relativeEffect' | 'lower' | 'upper'>;
  found: EffectRange;
}

/** How good the forecasts of one source were. */
export interface ForecastQuality {
  n: number;
  /** Mean of forecast minus found; above 0 = too optimistic for a metric that is better when higher. */
  bias: number;
  /** Standard error of the bias; null below two forecasts. */
  biasStandardError: number | null;
  rmse: number;
  /** Forecasts whose interval holds the effect that the canary found. */
  covered: number;
  /** Share covered with its Wilson interval at 95 %. */
  coverage: EffectRange;
  /** Forecasts whose interval and the canary's have a point in common: the fair reading while canaries are small. */
  overlapping: number;
  /** What may be said with so many forecasts. */
  wording: string;
}

/** Fewer forecasts than this and no rate is quoted as if it were known. */
export const FEW_FORECASTS = 10;
const TWO_SIDED_95 = 1.959963984540054;

/** Bias, error and coverage of forecasts that were scored; null for none. */
export function forecastQuality(scores: readonly ScoredForecast[]): ForecastQuality | null {
  const n = scores.length;
  if (n === 0) return null;
  const errors = scores.map(({ forecast, found }) => forecast.relativeEffect - found.effect);
  const bias = errors.reduce((sum, error) => sum + error, 0) / n;
  const variance = errors.reduce((sum, error) => sum + (error - bias) ** 2, 0) / Math.max(1, n - 1);
  const covered = scores.filter(
    ({ forecast, found }) => forecast.lower <= found.effect && found.effect <= forecast.upper,
  );
  const overlapping = scores.filter(
    ({ forecast, found }) => forecast.lower <= found.upper && found.lower <= forecast.upper,
  );
  const coverage = wilsonShare(covered.length, n);
  return {
    n,
    bias,
    biasStandardError: n < 2 ? null : Math.sqrt(variance / n),
    rmse: Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / n),
    covered: covered.length,
    coverage,
    overlapping: overlapping.length,
    wording: wordingOf(n, coverage),
  };
}

/** Share k / n with its Wilson score interval at 95 % (Wilson 1927); n > 0. */
export function wilsonShare(k: number, n: number): EffectRange {
  const z2 = TWO_SIDED_95 ** 2;
  const p = k / n;
  const centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = (TWO_SIDED_95 / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return { effect: p, lower: Math.max(0, centre - half), upper: Math.min(1, centre + half) };
}

function wordingOf(n: number, { lower, upper }: EffectRange): string {
  const range = `${(lower * 100).toFixed(0)} to ${(upper * 100).toFixed(0)} %`;
  if (n === 1) return 'one forecast: an anecdote, not a rate';
  if (n < FEW_FORECASTS) return `only ${n} forecasts: the true coverage may be anything from ${range}`;
  return `${n} forecasts: the true coverage lies in ${range} with 95 % confidence`;
}

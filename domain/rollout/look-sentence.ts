import type { MetricEvidence, SegmentEvidence } from '../contracts';
import { servedShare } from './design-effect';
import { elapsedSeconds, type Look } from './look';
import { METRIC_CATALOGUE } from './metric-catalogue';

/** A length of time as an on-call engineer says it. */
export function spoken(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

/** "after 4 min in stage 2 (25 % of users)". */
export const windowOf = (look: Look): string =>
  `after ${spoken(elapsedSeconds(look))} in stage ${look.stage} ` +
  `(${Number((servedShare(look.plan.stages[look.stage]!) * 100).toFixed(2))} % of users)`;

/** Name of a metric, with its segment when it is one's. */
export const nameOf = (metric: MetricEvidence | SegmentEvidence): string =>
  'by' in metric ? `${metric.metric} of ${metric.by} ${metric.value}` : metric.metric;

/** "value is -31.2 % (0.41 against 0.60 USD per 1,000 eligible requests)". */
export function effectOf(metric: MetricEvidence): string {
  const { scale, unit } = METRIC_CATALOGUE[metric.metric];
  const show = (value: number) => (value * scale).toPrecision(3);
  const sign = metric.relativeEffect >= 0 ? '+' : '';
  const change = `${sign}${(metric.relativeEffect * 100).toFixed(1)} %`;
  return `${nameOf(metric)} is ${change} (${show(metric.canary)} against ${show(metric.control)} ${unit})`;
}

/** A bound of D as a share of the control, signed, e.g. "+2.1 %". */
function bound(metric: MetricEvidence, value: number): string {
  const share = metric.control > 0 ? (value / metric.control) * 100 : value * 100;
  return `${share >= 0 ? '+' : ''}${share.toFixed(1)} %`;
}

const marginOf = (metric: MetricEvidence): string => `${Number((metric.margin * 100).toFixed(2))} % margin`;

/** Why a metric is inferior: even the best case lies beyond the margin. */
export const inferiorSentence = (metric: MetricEvidence, look: Look): string =>
  `${effectOf(metric)}; at best it lies ${bound(metric, metric.upper)} from the ${marginOf(metric)}, which is worse than ` +
  `allowed, ${windowOf(look)}`;

/** Why the primary is non-inferior: even the worst case lies inside the margin. */
export const nonInferiorSentence = (metric: MetricEvidence, look: Look): string =>
  `${effectOf(metric)}; at worst it lies ${bound(metric, metric.lower)} inside the ${marginOf(metric)}, ${windowOf(look)}`;

/** Where the bounds of an undecided metric stand. */
export const undecidedSentence = (metric: MetricEvidence, look: Look): string =>
  `${effectOf(metric)}; its distance from the ${marginOf(metric)} lies between ${bound(metric, metric.lower)} and ` +
  `${bound(metric, metric.upper)}, so neither side is proven ${windowOf(look)}`;

import type { KpiSums, MetricEvidence, PlanMetric } from '../contracts';
import {
  combineStages,
  judgeDifference,
  nonInferiorityDifference,
  type JudgedDifference,
} from '../evaluation/non-inferiority';
import { estimateRatioOf, type RatioEstimate } from '../evaluation/ratio-metric';
import { METRIC_CATALOGUE, type MetricDefinition } from './metric-catalogue';
import type { BucketSums, StageSums } from './stage-sums';

/** Fewer events than this, expected at the control's rate, and the delta method is not trusted to call anything inferior. */
export const MIN_EVENTS = 30;
/** Fewer non-empty user buckets than this per arm and the variance is not trusted (control-plane.md, "Plan"). */
export const MIN_BUCKETS = 30;

/** One ratio metric of one look before it is judged. */
export interface MetricSample {
  definition: MetricDefinition;
  /** Ratios of the sums over all stages weighted as D is, in the sums' own units. */
  canary: number;
  control: number;
  /** Denominators of both arms. */
  n: number;
  /** Events of the canary, or what it would have at the control's rate when that is more: a dead canary is not "too small". */
  canaryEvents: number;
  controlEvents: number;
  /** Least count of buckets with data over the arms. */
  buckets: number;
  strata: { canary: RatioEstimate; control: RatioEstimate; canaryUnits: number; controlUnits: number }[];
}

const hasId = (bucket: BucketSums) => bucket.userBucket >= 0;

/** Buckets of users with a request. */
export const nonEmptyBuckets = (buckets: readonly BucketSums[]): number =>
  buckets.filter((bucket) => hasId(bucket) && bucket.requests > 0).length;

/** Sample of a ratio metric over stages; null when a side has no denominator or fewer than two buckets: no data. */
export function sampleMetric(metric: PlanMetric['metric'], stages: readonly StageSums[]): MetricSample | null {
  const definition = METRIC_CATALOGUE[metric];
  const { numerator, denominator, events } = definition;
  if (denominator === null) return null;
  const sample: MetricSample = {
    definition,
    canary: 0,
    control: 0,
    n: 0,
    canaryEvents: 0,
    controlEvents: 0,
    buckets: Infinity,
    strata: [],
  };
  const sum = (buckets: readonly KpiSums[], name: keyof KpiSums) => buckets.reduce((total, b) => total + b[name], 0);
  const units = (buckets: readonly BucketSums[]) =>
    buckets.map((b) => ({ numerator: b[numerator], denominator: b[denominator] }));
  let total = 0;
  for (const stage of stages) {
    const canaryBuckets = stage.canary.filter((b) => hasId(b) && b.requests > 0);
    const controlBuckets = stage.control.filter((b) => hasId(b) && b.requests > 0);
    const canary = estimateRatioOf(units(canaryBuckets));
    const control = estimateRatioOf(units(controlBuckets));
    if (!canary || !control) {
      // Earlier stages may lack it; without it in the current stage there is nothing to judge.
      if (stage === stages[stages.length - 1]) return null;
      continue;
    }
    const canaryUnits = sum(canaryBuckets, denominator);
    const controlUnits = sum(controlBuckets, denominator);
    const weight = (canaryUnits * controlUnits) / (canaryUnits + controlUnits);
    total += weight;
    sample.canary += weight * canary.ratio;
    sample.control += weight * control.ratio;
    sample.n += canaryUnits + controlUnits;
    const controlEvents = sum(controlBuckets, events);
    const expected = (controlEvents * sum(canaryBuckets, 'requests')) / Math.max(1, sum(controlBuckets, 'requests'));
    sample.canaryEvents += Math.max(sum(canaryBuckets, events), expected);
    sample.controlEvents += controlEvents;
    sample.buckets = Math.min(sample.buckets, canaryBuckets.length, controlBuckets.length);
    sample.strata.push({ canary, control, canaryUnits, controlUnits });
  }
  if (total === 0) return null;
  sample.canary /= total;
  sample.control /= total;
  return sample;
}

/** Bounds of D at `margin` over the sample's stages, tau² scaled by the control's ratio; null when that ratio is 0. */
export function judgeSample(
  sample: MetricSample,
  margin: number,
  relativePrior: number,
  alpha: number,
  inferiorAlpha: number,
): JudgedDifference | null {
  const combined = combineStages(
    sample.strata.map(({ canary, control, canaryUnits, controlUnits }) => ({
      ...nonInferiorityDifference(canary, control, margin, sample.definition.better),
      treatmentUnits: canaryUnits,
      controlUnits,
      // Information per denominator is the same in every stage of one traffic, so c_s = 1.
      weight: 1,
    })),
  );
  const priorVariance = relativePrior * sample.control ** 2;
  if (!combined || !(priorVariance > 0)) return null;
  return judgeDifference(combined, priorVariance, alpha, inferiorAlpha);
}

/** Evidence without data: never a pass. */
export const noMetricData = (plan: PlanMetric): MetricEvidence => ({
  metric: plan.metric,
  role: plan.role,
  margin: plan.margin,
  canary: 0,
  control: 0,
  relativeEffect: 0,
  d: 0,
  standardError: 0,
  lower: 0,
  upper: 0,
  n: 0,
  verdict: 'no-data',
});

/** Error levels of one look: alpha for "non-inferior", alpha / k for "inferior" over k tested metrics (Bonferroni). */
export interface LookLevels {
  relativePrior: number;
  alpha: number;
  inferiorAlpha: number;
  /** Events per arm below which nothing is called inferior. */
  minEvents: number;
}

/** Judges one ratio metric of the plan. */
export function testMetric(plan: PlanMetric, sample: MetricSample | null, levels: LookLevels): MetricEvidence {
  const judged = sample && judgeSample(sample, plan.margin, levels.relativePrior, levels.alpha, levels.inferiorAlpha);
  if (!sample || !judged) return noMetricData(plan);
  const tooFew = Math.min(sample.canaryEvents, sample.controlEvents) < levels.minEvents || sample.buckets < MIN_BUCKETS;
  return {
    metric: plan.metric,
    role: plan.role,
    margin: plan.margin,
    canary: sample.canary,
    control: sample.control,
    relativeEffect: sample.canary / sample.control - 1,
    d: judged.d,
    standardError: judged.standardError,
    lower: judged.lower,
    upper: judged.upper,
    n: sample.n,
    verdict: tooFew ? 'continue' : judged.verdict,
  };
}

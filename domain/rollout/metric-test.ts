import type { KpiSum, KpiSums, MetricEvidence, PlanMetric } from '../contracts';
import {
  adjustDifference,
  combineStages,
  judgeDifference,
  nonInferiorityDifference,
  type JudgedDifference,
  type PreExposure,
  type Stratum,
} from '../evaluation/non-inferiority';
import { covaryRatios, estimateRatioOf, type RatioEstimate, type UnitTotals } from '../evaluation/ratio-metric';
import { METRIC_CATALOGUE, type MetricDefinition } from './metric-catalogue';
import { noSums, type BucketSums, type StageSums } from './stage-sums';

/** Fewer events than this, expected at the control's rate, and the delta method is not trusted to call anything inferior. */
export const MIN_EVENTS = 30;
/** Fewer non-empty user buckets than this per arm and the variance is not trusted (control-plane.md, "Plan"). */
export const MIN_BUCKETS = 30;

/** One stage's part of a sample. */
export interface SampleStratum {
  canary: RatioEstimate;
  control: RatioEstimate;
  /** Denominators so far. */
  canaryUnits: number;
  controlUnits: number;
  /** c_s of the plan. */
  weight: number;
  /** The same buckets before the rollout; null without a pre-period. */
  pre: PreExposure | null;
}

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
  strata: SampleStratum[];
}

/** What a sample is drawn from: sums per stage, their weights and their pre-period. */
export interface SampleSource {
  stages: readonly StageSums[];
  /** c_s by stage; absent = 1: information per denominator is the same in every stage of one traffic. */
  weights?: ReadonlyMap<number, number>;
  prePeriod?: readonly StageSums[];
}

const isUsed = (bucket: BucketSums) => bucket.userBucket >= 0 && bucket.requests > 0;

/** Buckets of users with a request. */
export const nonEmptyBuckets = (buckets: readonly BucketSums[]): number => buckets.filter(isUsed).length;

type Pair = [numerator: KpiSum, denominator: KpiSum];

const unitsOf = (buckets: readonly BucketSums[], [numerator, denominator]: Pair): UnitTotals[] =>
  buckets.map((b) => ({ numerator: b[numerator], denominator: b[denominator] }));

const total = (buckets: readonly KpiSums[], name: KpiSum) => buckets.reduce((sum, b) => sum + b[name], 0);

/** Sample of a ratio metric over stages; null when a side has no denominator or fewer than two buckets: no data. */
export function sampleMetric(
  metric: PlanMetric['metric'],
  { stages, weights, prePeriod }: SampleSource,
): MetricSample | null {
  const definition = METRIC_CATALOGUE[metric];
  const { numerator, denominator, events } = definition;
  if (numerator === null || denominator === null) return null;
  const pair: Pair = [numerator, denominator];
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
  let information = 0;
  for (const stage of stages) {
    const buckets = { canary: stage.canary.filter(isUsed), control: stage.control.filter(isUsed) };
    const canary = estimateRatioOf(unitsOf(buckets.canary, pair));
    const control = estimateRatioOf(unitsOf(buckets.control, pair));
    if (!canary || !control) {
      // Earlier stages may lack it; without it in the current stage there is nothing to judge.
      if (stage === stages[stages.length - 1]) return null;
      continue;
    }
    const canaryUnits = total(buckets.canary, denominator);
    const controlUnits = total(buckets.control, denominator);
    const weight = weights?.get(stage.stage) ?? 1;
    const share = (weight * canaryUnits * controlUnits) / (canaryUnits + controlUnits);
    information += share;
    sample.canary += share * canary.ratio;
    sample.control += share * control.ratio;
    sample.n += canaryUnits + controlUnits;
    const controlEvents = total(buckets.control, events);
    const expected =
      (controlEvents * total(buckets.canary, 'requests')) / Math.max(1, total(buckets.control, 'requests'));
    sample.canaryEvents += Math.max(total(buckets.canary, events), expected);
    sample.controlEvents += controlEvents;
    sample.buckets = Math.min(sample.buckets, buckets.canary.length, buckets.control.length);
    const before = prePeriod?.find((pre) => pre.stage === stage.stage);
    const pre = before ? preExposureOf(buckets, before, pair) : null;
    sample.strata.push({ canary, control, canaryUnits, controlUnits, weight, pre });
  }
  if (information === 0) return null;
  sample.canary /= information;
  sample.control /= information;
  return sample;
}

/** Joins each arm's buckets with what the same users did before; buckets without a past have none (0 / 0 adds nothing). */
function preExposureOf(
  buckets: Record<'canary' | 'control', readonly BucketSums[]>,
  before: StageSums,
  pair: Pair,
): PreExposure | null {
  const none = noSums();
  const joint = (arm: 'canary' | 'control') => {
    const past = new Map(before[arm].map((bucket) => [bucket.userBucket, bucket]));
    const matched = buckets[arm].map(
      (bucket) => past.get(bucket.userBucket) ?? { ...none, userBucket: bucket.userBucket },
    );
    return covaryRatios(unitsOf(buckets[arm], pair), unitsOf(matched, pair));
  };
  const treatment = joint('canary');
  const control = joint('control');
  if (!treatment || !control) return null;
  return {
    difference: treatment.covariate - control.covariate,
    treatmentVariance: treatment.covariateVariance,
    controlVariance: control.covariateVariance,
    treatmentCovariance: treatment.covariance,
    controlCovariance: control.covariance,
  };
}

/** A judged difference with what the pre-period did to it. */
export type JudgedSample = JudgedDifference & { cuped?: MetricEvidence['cuped'] };

/** Bounds of D at `margin` over the sample's stages, tau² scaled by the control's ratio; null when that ratio is 0. */
export function judgeSample(
  sample: MetricSample,
  margin: number,
  relativePrior: number,
  alpha: number,
  inferiorAlpha: number,
): JudgedSample | null {
  const { better } = sample.definition;
  const plain: Stratum[] = [];
  const adjusted: Stratum[] = [];
  let theta: number | null = null;
  for (const { canary, control, canaryUnits, controlUnits, weight, pre } of sample.strata) {
    const units = { treatmentUnits: canaryUnits, controlUnits, weight };
    const difference = nonInferiorityDifference(canary, control, margin, better);
    const less = pre && adjustDifference(difference, pre, margin, better, Math.min(canary.n, control.n));
    plain.push({ ...difference, ...units });
    adjusted.push({ ...(less ?? difference), ...units });
    if (less) theta = less.theta;
  }
  const combined = combineStages(adjusted);
  const priorVariance = relativePrior * sample.control ** 2;
  if (!combined || !(priorVariance > 0)) return null;
  const judged = judgeDifference(combined, priorVariance, alpha, inferiorAlpha);
  if (theta === null) return judged;
  return { ...judged, cuped: { theta, unadjustedStandardError: Math.sqrt(combineStages(plain)!.variance) } };
}

/** Evidence without data: never a pass. */
export const noMetricData = (plan: Pick<PlanMetric, 'metric' | 'role' | 'margin'>): MetricEvidence => ({
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
export function testMetric(
  plan: Pick<PlanMetric, 'metric' | 'role' | 'margin'>,
  sample: MetricSample | null,
  levels: LookLevels,
): MetricEvidence {
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
    ...(judged.cuped ? { cuped: judged.cuped } : {}),
  };
}

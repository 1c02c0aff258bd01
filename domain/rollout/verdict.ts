import type { MetricEvidence, PlanMetric, RolloutPlan, SegmentEvidence, Verdict } from '../contracts';
import { SRM_ALARM_P, sequentialSampleRatioP } from '../evaluation/sample-ratio';
import { catastropheLane, systemEvidence, type LaneResult } from './catastrophe-lane';
import { inferiorAlphaOf, primaryOf, relativePriorVariance, servedShare } from './design-effect';
import { elapsedSeconds, type Look, type UnsealedEvidence } from './look';
import { inferiorSentence, nameOf, nonInferiorSentence, spoken, undecidedSentence, windowOf } from './look-sentence';
import { METRIC_CATALOGUE } from './metric-catalogue';
import {
  MIN_BUCKETS,
  MIN_EVENTS,
  nonEmptyBuckets,
  sampleMetric,
  testMetric,
  type LookLevels,
  type MetricSample,
} from './metric-test';
import { faultySum, totalSums, withEverySum, type StageSums } from './stage-sums';

/** Data older than this many look periods (or time buckets, if longer) is stale. */
const STALE_PERIODS = 3;

/** Sample of the current stage. */
interface StageSample {
  decisions: { canary: number; control: number };
  primaryEvents: { canary: number; control: number };
  nonEmptyBuckets: { canary: number; control: number };
}

interface Outcome {
  verdict: Verdict;
  reason: string;
}

/**
 * Judges one look of a canary stage. Pure: the same look gives the same evidence.
 *
 * Order: error > catastrophe lane (inferior) > srm > no-data > inferior > non-inferior > inconclusive at the horizon > continue.
 * Missing data is never a pass. The plan is taken as linted; faults in the sums give the verdict `error`, never an exception.
 * Source: control-plane.md "Rollout"; statistics.md 1-3 and 6.
 */
export function judgeLook(look: Look): UnsealedEvidence {
  const current = look.stages.find((stage) => stage.stage === look.stage);
  const fault = faultOf(look);
  const sample = stageSample(look, current);
  const levels = levelsOf(look);
  const usable = fault === null ? withEverySum(look.stages).filter((stage) => stage.stage <= look.stage) : [];
  const source = {
    stages: usable,
    weights: weightsOf(look.plan),
    ...(look.prePeriod && { prePeriod: look.prePeriod }),
  };
  const samples = new Map(look.plan.metrics.map((m) => [m.metric, current && sampleMetric(m.metric, source)] as const));
  const primary = primaryOf(look.plan);
  const primarySample = (primary && samples.get(primary.metric)) || null;
  const metrics = fault === null ? judgeMetrics(look, samples, levels) : [];
  const segments = fault === null ? judgeSegments(look, levels) : [];
  const lane: LaneResult =
    fault === null
      ? catastropheLane(primarySample, laneInputs(look), look.previousStreak, levels)
      : { fired: false, reason: '', streak: look.previousStreak, metric: null };
  const srmP = fault === null ? srmOf(look) : look.previousSrmP;
  const { verdict, reason } = decide(look, fault, lane, srmP, sample, metrics, segments);
  return {
    rolloutId: look.rolloutId,
    stage: look.stage,
    look: look.look,
    atMs: look.atMs,
    matureUntilMs: look.matureUntilMs,
    ...sample,
    srmP,
    metrics,
    ...(segments.length > 0 ? { segments } : {}),
    catastrophe: { fired: lane.fired, reason: lane.reason, streak: lane.streak },
    verdict,
    reason,
    inputs: look,
  };
}

function decide(
  look: Look,
  fault: string | null,
  lane: LaneResult,
  srmP: number,
  sample: StageSample,
  metrics: MetricEvidence[],
  segments: SegmentEvidence[],
): Outcome {
  if (fault !== null) return { verdict: 'error', reason: fault };
  if (lane.fired) return { verdict: 'inferior', reason: `catastrophe lane: ${lane.reason}, ${windowOf(look)}` };
  if (srmP < SRM_ALARM_P) return { verdict: 'srm', reason: srmSentence(look, srmP) };
  const missing = missingData(look, sample, metrics);
  if (missing !== null) return { verdict: 'no-data', reason: missing };
  const bad = (action: PlanMetric['action']) =>
    metrics.find((metric) => isInferior(metric) && actionOf(look, metric) === action) ??
    segments.find((segment) => isInferior(segment) && actionOfSegment(look, segment) === action);
  const worst = bad('rollback');
  if (worst) return { verdict: 'inferior', reason: inferiorSentence(worst, look) };
  const held = bad('hold');
  if (held)
    return { verdict: 'inconclusive', reason: `${inferiorSentence(held, look)}: the plan says hold for a human` };
  return promoteOrWait(look, sample, metrics, segments);
}

function promoteOrWait(
  look: Look,
  sample: StageSample,
  metrics: MetricEvidence[],
  segments: SegmentEvidence[],
): Outcome {
  const primary = metrics.find((metric) => metric.role === 'primary')!;
  const short = shortfall(look, sample);
  const unproven = metrics.find((metric) => mustBeProven(look, metric) && metric.verdict !== 'non-inferior');
  const blind = [...metrics, ...segments].find((m) => m.role === 'guardrail' && m.verdict === 'no-data');
  const elapsed = elapsedSeconds(look);
  if (short === null && !unproven && !blind)
    return { verdict: 'non-inferior', reason: nonInferiorSentence(primary, look) };
  const why =
    short ??
    (blind ? `guardrail ${nameOf(blind)} has no data ${windowOf(look)}` : undecidedSentence(unproven ?? primary, look));
  const { maxSeconds } = look.plan.stages[look.stage]!;
  if (elapsed >= maxSeconds)
    return { verdict: 'inconclusive', reason: `horizon of ${spoken(maxSeconds)} reached: ${why}` };
  return { verdict: 'continue', reason: why };
}

const isInferior = (metric: MetricEvidence): boolean => metric.role !== 'signal' && metric.verdict === 'inferior';

const actionOfSegment = ({ plan }: Look, segment: SegmentEvidence) =>
  plan.segmentGuardrails!.find((g) => g.metric === segment.metric && g.by === segment.by && g.value === segment.value)!
    .action;
const weightsOf = (plan: RolloutPlan): ReadonlyMap<number, number> =>
  new Map(plan.stages.map((stage, index) => [index, stage.informationPerUnit ?? 1]));
const laneInputs = (look: Look) => ({
  recent: look.recent,
  planned: look.plannedSpendNanos,
  latency: look.recentLatency,
  stageLatency: look.stageLatency,
});

const planOf = (look: Look, metric: MetricEvidence) => look.plan.metrics.find((m) => m.metric === metric.metric)!;
const actionOf = (look: Look, metric: MetricEvidence) => planOf(look, metric).action;
const mustBeProven = (look: Look, metric: MetricEvidence) => metric.role === 'primary' || planOf(look, metric).prove;

/** First fault of the look's own data, or null. */
function faultOf(look: Look): string | null {
  const stage = look.plan.stages[look.stage];
  if (!stage || stage.kind !== 'canary') return `stage ${look.stage} of the plan is no canary stage`;
  if (!primaryOf(look.plan)) return 'the plan names no primary metric';
  const faulty =
    faultyStages(look.stages, '') ??
    faultyStages(look.prePeriod ?? [], 'before the rollout, ') ??
    firstOf(look.segments ?? [], ({ by, value, stages }) => faultyStages(stages, `${by} ${value}, `));
  if (faulty) return faulty;
  for (const arm of ['canary', 'control'] as const) {
    const name = faultySum(look.recent[arm]);
    if (name) return `recent KPI sum ${name} of the ${arm} is ${look.recent[arm][name]}`;
    const users = look.exposures[arm];
    if (!(Number.isFinite(users) && users >= 0)) return `count of exposed users of the ${arm} is ${users}`;
  }
  return null;
}

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | null): R | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}

function faultyStages(stages: readonly StageSums[], where: string): string | null {
  for (const { stage, canary, control } of stages)
    for (const [arm, buckets] of [
      ['canary', canary],
      ['control', control],
    ] as const)
      for (const bucket of buckets) {
        const name = faultySum(bucket);
        if (name)
          return `KPI sum ${name} of ${where}stage ${stage}, ${arm}, bucket ${bucket.userBucket} is ${bucket[name]}`;
      }
  return null;
}

function levelsOf(look: Look): LookLevels {
  return {
    relativePrior: relativePriorVariance(look.plan),
    alpha: look.plan.alpha,
    inferiorAlpha: inferiorAlphaOf(look.plan),
    minEvents: MIN_EVENTS,
  };
}

function judgeMetrics(
  look: Look,
  samples: ReadonlyMap<string, MetricSample | null | undefined>,
  levels: LookLevels,
): MetricEvidence[] {
  const minPrimary = Math.max(MIN_EVENTS, look.plan.stages[look.stage]!.minPrimaryEvents);
  return look.plan.metrics.map((metric) => {
    if (METRIC_CATALOGUE[metric.metric].kind === 'system') return systemEvidence(metric, laneInputs(look));
    const minEvents = metric.role === 'primary' ? minPrimary : levels.minEvents;
    return testMetric(metric, samples.get(metric.metric) ?? null, { ...levels, minEvents });
  });
}

/** Every pre-registered segment, each alone: an effect of one slice drowns in the total. */
function judgeSegments(look: Look, levels: LookLevels): SegmentEvidence[] {
  return (look.plan.segmentGuardrails ?? []).map(({ by, value, metric, margin }) => {
    const found = look.segments?.find((segment) => segment.by === by && segment.value === value);
    const stages = withEverySum(found?.stages ?? []).filter(({ stage }) => stage <= look.stage);
    const isCurrent = stages.some(({ stage }) => stage === look.stage);
    const sample = isCurrent ? sampleMetric(metric, { stages, weights: weightsOf(look.plan) }) : null;
    return { ...testMetric({ metric, role: 'guardrail', margin }, sample, levels), by, value };
  });
}

function stageSample(look: Look, stage: StageSums | undefined): StageSample {
  const primary = primaryOf(look.plan);
  const events = primary ? METRIC_CATALOGUE[primary.metric].events : 'clicks';
  const withId = (buckets: StageSums['canary']) => totalSums(buckets.filter((bucket) => bucket.userBucket >= 0));
  const canary = withId(stage?.canary ?? []);
  const control = withId(stage?.control ?? []);
  return {
    decisions: { canary: canary.requests, control: control.requests },
    primaryEvents: { canary: canary[events], control: control[events] },
    nonEmptyBuckets: {
      canary: nonEmptyBuckets(stage?.canary ?? []),
      control: nonEmptyBuckets(stage?.control ?? []),
    },
  };
}

/** Sequential SRM p of this stage; null data is caught by `missingData`, not here. */
function srmOf(look: Look): number {
  const share = servedShare(look.plan.stages[look.stage]!);
  const { canary, control } = look.exposures;
  return sequentialSampleRatioP([control, canary], [1 - share, share], look.previousSrmP);
}

function srmSentence(look: Look, p: number): string {
  const { canary, control } = look.exposures;
  const planned = (servedShare(look.plan.stages[look.stage]!) * 100).toFixed(2);
  const seen = ((canary / Math.max(1, canary + control)) * 100).toFixed(2);
  return (
    `sample ratio mismatch: ${canary} canary and ${control} control users (${seen} % against ${planned} % planned), ` +
    `p ${p.toExponential(1)} is below ${SRM_ALARM_P}: no comparison of the arms can be trusted, ${windowOf(look)}`
  );
}

function missingData(look: Look, sample: StageSample, metrics: MetricEvidence[]): string | null {
  if (look.newestDecisionMs === null) return `no decision of this stage has arrived ${windowOf(look)}`;
  const { lookEverySeconds, bucketSeconds, labelMaturitySeconds } = look.plan;
  const ageSeconds = (look.atMs - look.newestDecisionMs) / 1000;
  if (ageSeconds > STALE_PERIODS * Math.max(lookEverySeconds, bucketSeconds))
    return `the newest decision is ${spoken(ageSeconds)} old: data stopped arriving, ${windowOf(look)}`;
  for (const arm of ['canary', 'control'] as const) {
    if (sample.decisions[arm] === 0)
      return `the ${arm} has no mature decision yet (labels mature after ${spoken(labelMaturitySeconds)}), ${windowOf(look)}`;
    if (look.exposures[arm] === 0) return `no exposed user of the ${arm} was counted, ${windowOf(look)}`;
  }
  const primary = metrics.find((metric) => metric.role === 'primary')!;
  if (primary.verdict === 'no-data') return `the primary metric ${primary.metric} has no data, ${windowOf(look)}`;
  return null;
}

/** What the stage's own sample still lacks before it may be promoted, or null. */
function shortfall(look: Look, sample: StageSample): string | null {
  const { minPrimaryEvents, minDecisions } = look.plan.stages[look.stage]!;
  const minima = [
    ['primary events', sample.primaryEvents, minPrimaryEvents],
    ['decisions', sample.decisions, minDecisions],
    ['user buckets with data', sample.nonEmptyBuckets, MIN_BUCKETS],
  ] as const;
  for (const [name, count, minimum] of minima)
    for (const arm of ['canary', 'control'] as const)
      if (count[arm] < minimum) return `the ${arm} has ${count[arm]} of ${minimum} ${name} ${windowOf(look)}`;
  return null;
}

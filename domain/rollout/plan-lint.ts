import {
  planMetricSchema,
  planStageSchema,
  rolloutPlanSchema,
  segmentGuardrailSchema,
  type Agent,
  type Metric,
  type PlanMetric,
  type PlanStage,
  type RolloutPlan,
  type SegmentGuardrail,
} from '../contracts';
import { METRIC_CATALOGUE } from './metric-catalogue';
import { MIN_BUCKETS } from './metric-test';

/** One fault of a plan; `pointer` is a JSON pointer into it (RFC 6901). */
export interface PlanFault {
  pointer: string;
  code: string;
  detail: string;
}

/** What the linter knows of the world; what is absent is not checked. */
export interface PlanFacts {
  /** Agent whose policy the rollout changes. */
  agent?: Agent;
  /** Age of the newest data of each metric, seconds; null = never seen. */
  dataAgeSeconds?: Partial<Record<Metric, number | null>>;
  /** User buckets with a request lately. */
  nonEmptyBuckets?: number;
}

/** A linted plan, or every fault of it. */
export type LintedPlan = { ok: true; plan: RolloutPlan } | { ok: false; faults: PlanFault[] };

/** Least primary events per arm before a canary stage may be promoted (control-plane.md, "Plan"). */
export const MIN_PRIMARY_EVENTS = 100;
/** Data older than this at the start of a rollout is not fresh. */
const FRESH_SECONDS = 3600;

type Report = (pointer: string, code: string, detail: string) => void;

/** Parts of a raw plan that can be read in spite of faults elsewhere. */
interface ReadableParts {
  raw: Record<string, unknown>;
  stages: (PlanStage | null)[];
  metrics: (PlanMetric | null)[];
  segments: (SegmentGuardrail | null)[];
}

/**
 * Checks shape and meaning of a rollout plan and lists **every** fault, never only the first: a stage that cannot be read does
 * not hide the faults of the next one.
 */
export function lintPlan(input: unknown, facts: PlanFacts = {}): LintedPlan {
  const faults: PlanFault[] = [];
  const report: Report = (pointer, code, detail) => faults.push({ pointer, code, detail });
  const parsed = rolloutPlanSchema.safeParse(input);
  if (!parsed.success) for (const issue of parsed.error.issues) reportShape(issue, report);
  const parts = readable(input);
  lintStages(parts, report);
  lintMetrics(parts, facts, report);
  lintSegments(parts, facts, report);
  lintTimes(parts, report);
  lintEffects(parts, report);
  return faults.length === 0 && parsed.success ? { ok: true, plan: parsed.data } : { ok: false, faults };
}

function reportShape(
  issue: { path: PropertyKey[]; code: string; message: string; keys?: string[] },
  report: Report,
): void {
  const pointer = pointerOf(issue.path);
  if (issue.code === 'unrecognized_keys')
    for (const key of issue.keys ?? []) report(pointerOf([...issue.path, key]), 'UNKNOWN_FIELD', `no field ${key}`);
  else if (issue.path[0] === 'metrics' && issue.path[2] === 'metric')
    report(pointer, 'UNKNOWN_METRIC', `no such metric; known: ${Object.keys(METRIC_CATALOGUE).join(', ')}`);
  else report(pointer, 'INVALID_FIELD', issue.message);
}

const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function readable(input: unknown): ReadableParts {
  const raw = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
  return {
    raw,
    stages: list(raw.stages).map((stage) => planStageSchema.safeParse(stage).data ?? null),
    metrics: list(raw.metrics).map((metric) => planMetricSchema.safeParse(metric).data ?? null),
    segments: list(raw.segmentGuardrails).map((segment) => segmentGuardrailSchema.safeParse(segment).data ?? null),
  };
}

function lintStages({ raw, stages }: ReadableParts, report: Report): void {
  if (Array.isArray(raw.stages) && !stages.some((stage) => stage?.kind === 'canary') && !stages.includes(null))
    report('/stages', 'NO_CANARY_STAGE', 'a plan needs at least one canary stage');
  let lastShare = 0;
  stages.forEach((stage, index) => {
    const at = `/stages/${index}`;
    if (!stage) return;
    if (stage.maxSeconds <= stage.holdSeconds)
      report(
        `${at}/maxSeconds`,
        'HORIZON_NOT_AFTER_HOLD',
        `horizon ${stage.maxSeconds} s must be longer than the hold ${stage.holdSeconds} s`,
      );
    if (stage.kind === 'shadow') {
      if (stages.slice(0, index).some((earlier) => earlier?.kind === 'canary'))
        report(`${at}/kind`, 'SHADOW_AFTER_CANARY', 'a shadow stage comes before every canary stage');
      return;
    }
    if (stage.shareBps <= lastShare)
      report(
        `${at}/shareBps`,
        'SHARES_NOT_RISING',
        `share ${stage.shareBps} must exceed the stage before, ${lastShare}`,
      );
    lastShare = Math.max(lastShare, stage.shareBps);
    if (stage.minPrimaryEvents < MIN_PRIMARY_EVENTS)
      report(
        `${at}/minPrimaryEvents`,
        'SAMPLE_TOO_SMALL',
        `${stage.minPrimaryEvents} primary events per arm are too few, at least ${MIN_PRIMARY_EVENTS}`,
      );
  });
}

function lintMetrics({ raw, metrics }: ReadableParts, facts: PlanFacts, report: Report): void {
  const primaries = metrics.filter((metric) => metric?.role === 'primary').length;
  if (primaries === 0 && Array.isArray(raw.metrics) && !metrics.includes(null))
    report('/metrics', 'NO_PRIMARY_METRIC', 'exactly one metric has the role primary');
  if (primaries > 1) report('/metrics', 'SEVERAL_PRIMARY_METRICS', `${primaries} metrics have the role primary`);
  metrics.forEach((metric, index) => {
    if (!metric) return;
    const at = `/metrics/${index}`;
    const { kind } = METRIC_CATALOGUE[metric.metric];
    if (metrics.findIndex((other) => other?.metric === metric.metric) < index)
      report(`${at}/metric`, 'DUPLICATE_METRIC', `${metric.metric} is named twice`);
    if (kind === 'system' && (metric.role === 'primary' || metric.prove))
      report(`${at}/role`, 'NOT_TESTABLE', `${metric.metric} belongs to the catastrophe lane and cannot be proven`);
    if (kind === 'ratio' && metric.role !== 'signal' && metric.margin === 0)
      report(`${at}/margin`, 'ZERO_MARGIN', 'with margin 0 an equal candidate can never be proven');
    if (
      metric.metric === 'revenue' &&
      metric.role === 'guardrail' &&
      (facts.agent === 'bid' || facts.agent === 'budget')
    )
      report(`${at}/role`, 'REVENUE_NO_GUARDRAIL', 'better shading lowers revenue: only a signal for Bid and Budget');
    reportAge(metric.metric, `${at}/metric`, facts, report);
  });
  const { nonEmptyBuckets } = facts;
  if (nonEmptyBuckets !== undefined && nonEmptyBuckets < MIN_BUCKETS)
    report(
      '/metrics',
      'TOO_FEW_USER_BUCKETS',
      `${nonEmptyBuckets} user buckets had a request lately, at least ${MIN_BUCKETS} are needed for a variance`,
    );
}

function reportAge(metric: Metric, pointer: string, facts: PlanFacts, report: Report): void {
  const age = facts.dataAgeSeconds?.[metric];
  if (age !== undefined && (age === null || age > FRESH_SECONDS))
    report(pointer, 'NO_FRESH_DATA', age === null ? 'no data was ever seen' : `newest data is ${age} s old`);
}

/** Segments whose requests cannot be told apart: a campaign is known only once it bids. */
function lintSegments({ segments }: ReadableParts, facts: PlanFacts, report: Report): void {
  segments.forEach((segment, index) => {
    if (!segment) return;
    const at = `/segmentGuardrails/${index}`;
    const { by, value, metric } = segment;
    const { kind, denominator } = METRIC_CATALOGUE[metric];
    if (segments.findIndex((s) => s?.by === by && s.value === value && s.metric === metric) < index)
      report(at, 'DUPLICATE_SEGMENT', `${metric} of ${by} ${value} is named twice`);
    if (kind === 'system') report(`${at}/metric`, 'NOT_TESTABLE', `${metric} is watched for the whole arm only`);
    else if (by === 'campaign' && (denominator === 'eligible' || denominator === 'requests'))
      report(`${at}/metric`, 'NO_CAMPAIGN_METRIC', `${metric} counts requests, and a request belongs to no campaign`);
    if (by === 'deviceType' && !/^[0-8]$/.test(value))
      report(`${at}/value`, 'UNKNOWN_SEGMENT', `device types are 0 (unknown) to 8, not ${value}`);
    reportAge(metric, `${at}/metric`, facts, report);
  });
}

function lintTimes({ raw, stages }: ReadableParts, report: Report): void {
  const seconds = (name: string) => (typeof raw[name] === 'number' ? raw[name] : null);
  const look = seconds('lookEverySeconds') ?? 60;
  const bucket = seconds('bucketSeconds') ?? 300;
  const maturity = seconds('labelMaturitySeconds') ?? 3600;
  stages.forEach((stage, index) => {
    if (!stage) return;
    const at = `/stages/${index}`;
    if (look > stage.maxSeconds)
      report(
        `${at}/maxSeconds`,
        'NO_LOOK_IN_STAGE',
        `looks come every ${look} s, the stage ends after ${stage.maxSeconds} s`,
      );
    if (stage.kind === 'canary' && maturity + bucket >= stage.maxSeconds)
      report(
        `${at}/maxSeconds`,
        'LABELS_NEVER_MATURE',
        `labels mature ${maturity} s after a bucket of ${bucket} s, the stage ends after ${stage.maxSeconds} s`,
      );
  });
}

function lintEffects({ raw, metrics }: ReadableParts, report: Report): void {
  const waived = raw.feasibility === 'waived';
  const reason = typeof raw.waiverReason === 'string' ? raw.waiverReason.trim() : '';
  if (waived && reason === '')
    report('/waiverReason', 'WAIVER_WITHOUT_REASON', 'a waived feasibility check needs a reason');
  const effect = raw.designEffect as { better?: unknown; worse?: unknown } | undefined;
  const margin = metrics.find((metric) => metric?.role === 'primary')?.margin;
  if (!effect || typeof effect !== 'object' || margin === undefined) return;
  if (typeof effect.better === 'number' && effect.better <= -margin)
    report('/designEffect/better', 'EFFECT_BEYOND_MARGIN', `must lie above -${margin}: it is to end non-inferior`);
  if (typeof effect.worse === 'number' && (effect.worse >= -margin || effect.worse < -1))
    report('/designEffect/worse', 'EFFECT_WITHIN_MARGIN', `must lie in [-1, -${margin}): it is to end inferior`);
}

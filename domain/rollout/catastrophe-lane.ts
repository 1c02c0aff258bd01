import type { Metric, MetricEvidence, PlanMetric } from '../contracts';
import { latencyCount, latencyQuantile, latencyShareAbove } from '../evaluation/latency-histogram';
import type { ArmLatency } from './look';
import { METRIC_CATALOGUE } from './metric-catalogue';
import { judgeSample, MIN_BUCKETS, noMetricData, type LookLevels, type MetricSample } from './metric-test';
import type { ArmSums } from './stage-sums';

/** Margin at which an inferior primary rolls back at once. */
export const CATASTROPHE_MARGIN = 0.2;
/** Events per arm (the canary's at the control's rate) before that rule may fire. */
export const CATASTROPHE_MIN_EVENTS = 50;
/** Looks in a row with a breached system metric before the lane fires. */
export const CATASTROPHE_LOOKS = 3;
/** Decisions per arm in the lane's window for a look to count. */
export const CATASTROPHE_MIN_DECISIONS = 1000;
/** A share must exceed the control's by this many standard errors too, so that a small window does not fire by chance. */
const STANDARD_ERRORS = 4;

const SYSTEM_METRICS = [
  'errorShare',
  'fallbackShare',
  'lateShare',
  'spendToPlan',
  'latencyMsP99',
] as const satisfies readonly Metric[];
/** Share of decisions beyond the quantile that is compared. */
const LATENCY_TAIL = 0.01;
/** Variance of a sum of prices over the square of their mean, per impression: prices vary about as much as they are high. */
const SPEND_DISPERSION = 2;

/** Planned spend of each arm over the lane's window, nanos; absent = spend against plan is not checked by the lane. */
export type PlannedSpend = { canary: number; control: number } | undefined;

/** What the lane reads besides sums: absent = that metric is not checked. */
export interface LaneInputs {
  recent: ArmSums;
  planned?: PlannedSpend;
  latency?: ArmLatency | undefined;
  /** Latencies since the stage began; read where those of the window show no breach. */
  stageLatency?: ArmLatency | undefined;
}

/** One system metric in both arms: `limit` is what the canary may reach, given the concurrent control. */
export interface SystemReading {
  metric: Metric;
  canary: number;
  control: number;
  limit: number;
  standardError: number;
  /** Beyond the limit by more than chance. */
  isBreached: boolean;
}

/** What the lane says at one look. */
export interface LaneResult {
  fired: boolean;
  reason: string;
  /** Consecutive breaching looks, this one included; hand it to the next look. */
  streak: number;
  metric: Metric | null;
}

/**
 * Reads one system metric against the concurrent control; null without data.
 * @param margin absolute for shares, relative for spend and latency
 */
export function readSystemMetric(metric: Metric, inputs: LaneInputs, margin: number): SystemReading | null {
  const { numerator, denominator } = METRIC_CATALOGUE[metric];
  if (numerator === null) return readLatencies(metric, inputs, margin);
  const { canary, control } = inputs.recent;
  if (denominator === null) return readSpend(metric, inputs, margin);
  const [n, of] = [canary[denominator], control[denominator]];
  if (!(n > 0) || !(of > 0)) return null;
  const shares = { canary: canary[numerator] / n, control: control[numerator] / of };
  const pooled = (canary[numerator] + control[numerator]) / (n + of);
  const standardError = Math.sqrt(Math.max(0, pooled * (1 - pooled)) * (1 / n + 1 / of));
  const limit = shares.control + Math.max(margin, STANDARD_ERRORS * standardError);
  return { metric, ...shares, limit, standardError, isBreached: shares.canary > limit };
}

/** Spend against the arm's plan; a market that makes both arms overspend is no fault of the canary. */
function readSpend(metric: Metric, { recent, planned }: LaneInputs, margin: number): SystemReading | null {
  if (!planned || !(planned.canary > 0) || !(planned.control > 0)) return null;
  const canary = recent.canary.spendNanos / planned.canary;
  const control = recent.control.spendNanos / planned.control;
  const noise = Math.sqrt(SPEND_DISPERSION / Math.max(1, recent.canary.impressions));
  const limit = Math.max(1, control) * (1 + Math.max(margin, STANDARD_ERRORS * noise));
  return { metric, canary, control, limit, standardError: canary * noise, isBreached: canary > limit };
}

/** The window tells a sudden fault at once, the whole stage a small one in time. */
function readLatencies(metric: Metric, { latency, stageLatency }: LaneInputs, margin: number): SystemReading | null {
  const recent = readLatency(metric, latency, margin);
  if (recent?.isBreached) return recent;
  const ofStage = readLatency(metric, stageLatency, margin);
  return ofStage?.isBreached ? ofStage : recent;
}

/** p99 in ms. Breached when the share of canary decisions slower than the limit exceeds 1 % by more than chance in both arms. */
function readLatency(metric: Metric, latency: ArmLatency | undefined, margin: number): SystemReading | null {
  if (!latency) return null;
  const [canaryUs, controlUs] = [latency.canary, latency.control].map((arm) => latencyQuantile(arm, 1 - LATENCY_TAIL));
  if (canaryUs == null || controlUs == null) return null;
  const limitUs = controlUs * (1 + margin);
  const counts = 1 / latencyCount(latency.canary) + 1 / latencyCount(latency.control);
  const standardError = Math.sqrt(LATENCY_TAIL * (1 - LATENCY_TAIL) * counts);
  const slow = latencyShareAbove(latency.canary, limitUs) ?? 0;
  const isBreached = slow > LATENCY_TAIL + STANDARD_ERRORS * standardError;
  const shown = { canary: canaryUs / 1000, control: controlUs / 1000, limit: limitUs / 1000 };
  return { metric, ...shown, standardError, isBreached };
}

/** The first system metric beyond its limit, or null: what the lane and the guard of a serving canary have in common. */
export function worstBreach(inputs: LaneInputs): SystemReading | null {
  for (const metric of SYSTEM_METRICS) {
    const reading = readSystemMetric(metric, inputs, METRIC_CATALOGUE[metric].defaultMargin);
    if (reading?.isBreached) return reading;
  }
  return null;
}

/**
 * The lane of control-plane.md: a primary inferior at margin 20 % fires at once; a breached system metric after three looks
 * in a row of at least 1,000 decisions per arm. Looks with fewer decisions neither add to the streak nor end it.
 */
export function catastropheLane(
  primary: MetricSample | null,
  inputs: LaneInputs,
  previousStreak: number,
  levels: LookLevels,
): LaneResult {
  const { recent } = inputs;
  const collapse = primaryCollapse(primary, levels);
  const enough = Math.min(recent.canary.requests, recent.control.requests) >= CATASTROPHE_MIN_DECISIONS;
  const breach = enough ? worstBreach(inputs) : null;
  const streak = !enough ? previousStreak : breach ? previousStreak + 1 : 0;
  if (collapse) return { fired: true, reason: collapse, streak, metric: null };
  const fired = breach !== null && streak >= CATASTROPHE_LOOKS;
  return { fired, reason: breach ? breachSentence(breach, streak) : '', streak, metric: breach?.metric ?? null };
}

function primaryCollapse(primary: MetricSample | null, levels: LookLevels): string | null {
  if (!primary || primary.buckets < MIN_BUCKETS) return null;
  if (Math.min(primary.canaryEvents, primary.controlEvents) < CATASTROPHE_MIN_EVENTS) return null;
  const judged = judgeSample(primary, CATASTROPHE_MARGIN, levels.relativePrior, levels.alpha, levels.alpha);
  if (judged?.verdict !== 'inferior') return null;
  const change = ((primary.canary / primary.control - 1) * 100).toFixed(1);
  return `primary metric ${change} % against the control, proven worse than -${CATASTROPHE_MARGIN * 100} %`;
}

const breachSentence = (reading: SystemReading, streak: number): string =>
  `${readingSentence(reading)}, for ${streak} look(s) in a row`;

/** "errorShare is 20.0 % of decisions in the canary, 0.00 in the control, limit 5.00". */
export function readingSentence({ metric, canary, control, limit }: SystemReading): string {
  const { scale, unit } = METRIC_CATALOGUE[metric];
  const show = (value: number) => (value * scale).toPrecision(3);
  return `${metric} is ${show(canary)} ${unit} in the canary, ${show(control)} in the control, limit ${show(limit)}`;
}

/** Evidence of a system metric a plan names: non-inferior within its limit, `continue` while breached, never tested at alpha. */
export function systemEvidence(plan: PlanMetric, inputs: LaneInputs): MetricEvidence {
  const { recent } = inputs;
  const reading = readSystemMetric(plan.metric, inputs, plan.margin);
  if (!reading) return noMetricData(plan);
  const d = reading.limit - reading.canary;
  const half = STANDARD_ERRORS * reading.standardError;
  return {
    metric: plan.metric,
    role: plan.role,
    margin: plan.margin,
    canary: reading.canary,
    control: reading.control,
    relativeEffect: reading.control > 0 ? reading.canary / reading.control - 1 : 0,
    d,
    standardError: reading.standardError,
    lower: d - half,
    upper: d + half,
    n: recent.canary.requests + recent.control.requests,
    verdict: reading.isBreached ? 'continue' : 'non-inferior',
  };
}

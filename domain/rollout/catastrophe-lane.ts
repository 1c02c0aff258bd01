import type { KpiSums, Metric, MetricEvidence, PlanMetric } from '../contracts';
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

const SYSTEM_METRICS = ['errorShare', 'fallbackShare', 'lateShare', 'spendToPlan'] as const satisfies readonly Metric[];

/** Planned spend of each arm over the lane's window, nanos; absent = spend against plan is not checked by the lane. */
export type PlannedSpend = { canary: number; control: number } | undefined;

/** One system metric in both arms: `limit` is what the canary may reach, given the concurrent control. */
export interface SystemReading {
  metric: Metric;
  canary: number;
  control: number;
  limit: number;
  standardError: number;
}

/** What the lane says at one look. */
export interface LaneResult {
  fired: boolean;
  reason: string;
  /** Consecutive breaching looks, this one included; hand it to the next look. */
  streak: number;
  metric: Metric | null;
}

/** Reads one system metric against the concurrent control; null without data. @param margin absolute tolerance */
export function readSystemMetric(
  metric: Metric,
  sums: ArmSums,
  planned: PlannedSpend,
  margin: number,
): SystemReading | null {
  const { numerator, denominator } = METRIC_CATALOGUE[metric];
  if (denominator === null) {
    if (!planned || !(planned.canary > 0) || !(planned.control > 0)) return null;
    const canary = sums.canary[numerator] / planned.canary;
    const control = sums.control[numerator] / planned.control;
    // A market that makes both arms overspend is no fault of the canary.
    return { metric, canary, control, limit: Math.max(1 + margin, control * (1 + margin)), standardError: 0 };
  }
  const n = (arm: KpiSums) => arm[denominator];
  if (!(n(sums.canary) > 0) || !(n(sums.control) > 0)) return null;
  const canary = sums.canary[numerator] / n(sums.canary);
  const control = sums.control[numerator] / n(sums.control);
  const pooled = (sums.canary[numerator] + sums.control[numerator]) / (n(sums.canary) + n(sums.control));
  const standardError = Math.sqrt(Math.max(0, pooled * (1 - pooled)) * (1 / n(sums.canary) + 1 / n(sums.control)));
  return { metric, canary, control, limit: control + Math.max(margin, STANDARD_ERRORS * standardError), standardError };
}

/**
 * The lane of control-plane.md: a primary inferior at margin 20 % fires at once; a breached system metric after three looks
 * in a row of at least 1,000 decisions per arm. Looks with fewer decisions neither add to the streak nor end it.
 */
export function catastropheLane(
  primary: MetricSample | null,
  recent: ArmSums,
  planned: PlannedSpend,
  previousStreak: number,
  levels: LookLevels,
): LaneResult {
  const collapse = primaryCollapse(primary, levels);
  const enough = Math.min(recent.canary.requests, recent.control.requests) >= CATASTROPHE_MIN_DECISIONS;
  const breach = enough ? worstBreach(recent, planned) : null;
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

function worstBreach(recent: ArmSums, planned: PlannedSpend): SystemReading | null {
  for (const metric of SYSTEM_METRICS) {
    const reading = readSystemMetric(metric, recent, planned, METRIC_CATALOGUE[metric].defaultMargin);
    if (reading && reading.canary > reading.limit) return reading;
  }
  return null;
}

function breachSentence({ metric, canary, control, limit }: SystemReading, streak: number): string {
  const { scale, unit } = METRIC_CATALOGUE[metric];
  const show = (value: number) => (value * scale).toPrecision(3);
  return (
    `${metric} is ${show(canary)} ${unit} in the canary, ${show(control)} in the control, limit ${show(limit)}, ` +
    `for ${streak} look(s) in a row`
  );
}

/** Evidence of a system metric a plan names: non-inferior within its limit, `continue` while breached, never tested at alpha. */
export function systemEvidence(plan: PlanMetric, recent: ArmSums, planned: PlannedSpend): MetricEvidence {
  const reading = readSystemMetric(plan.metric, recent, planned, plan.margin);
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
    verdict: d >= 0 ? 'non-inferior' : 'continue',
  };
}

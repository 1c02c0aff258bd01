import type { ExperimentPlan, ExperimentPower } from '../contracts';
import { anytimeHalfWidth } from '../evaluation/confidence-sequence';
import { relativePriorOf } from './readout';

/** Traffic that the planner counts on. */
export interface ExperimentTraffic {
  /** Primary events per second of the whole cell. */
  primaryPerSecond: number;
  /** Variance of the primary ratio over that of a Poisson count of its events. */
  dispersion: number;
}

/** z of 95 % power. */
const POWER_Z = 1.6448536269514722;
const LONGEST_SECONDS = 365 * 86_400;

/** The parts of a plan that decide how much it can find. */
type PoweredPlan = Pick<
  ExperimentPlan,
  'alpha' | 'effectOfInterest' | 'treatmentShareBps' | 'horizonSeconds' | 'labelMaturitySeconds'
>;

/**
 * What the read-out at the horizon can find at this traffic: the smallest relative effect whose interval excludes 0 with 95 %
 * probability, half-width of the sequence plus 1.645 standard errors (never a fixed-sample formula; statistics.md 3).
 */
export function powerOf(plan: PoweredPlan, traffic: ExperimentTraffic): ExperimentPower {
  const effectAt = (seconds: number) => detectableAfter(plan, traffic, seconds);
  return {
    ...traffic,
    expectedEvents: eventsAfter(plan, traffic, plan.horizonSeconds),
    minimalDetectableEffect: effectAt(plan.horizonSeconds),
    secondsForEffectOfInterest: timeTo(plan, effectAt),
  };
}

function eventsAfter(plan: PoweredPlan, { primaryPerSecond }: ExperimentTraffic, seconds: number) {
  // Labels of the newest decisions are not mature when the last look is taken.
  const all = primaryPerSecond * Math.max(0, seconds - plan.labelMaturitySeconds);
  const share = plan.treatmentShareBps / 10_000;
  return { treatment: all * share, control: all * (1 - share) };
}

function detectableAfter(plan: PoweredPlan, traffic: ExperimentTraffic, seconds: number): number {
  const { treatment, control } = eventsAfter(plan, traffic, seconds);
  if (!(treatment > 0) || !(control > 0)) return Infinity;
  const standardError = Math.sqrt(traffic.dispersion * (1 / treatment + 1 / control));
  return anytimeHalfWidth(standardError, relativePriorOf(plan), plan.alpha, 'two') + POWER_Z * standardError;
}

function timeTo(plan: PoweredPlan, effectAt: (seconds: number) => number): number | null {
  if (effectAt(LONGEST_SECONDS) > plan.effectOfInterest) return null;
  let [short, long] = [plan.labelMaturitySeconds, LONGEST_SECONDS];
  while (long - short > 1) {
    const middle = Math.floor((short + long) / 2);
    if (effectAt(middle) <= plan.effectOfInterest) long = middle;
    else short = middle;
  }
  return long;
}

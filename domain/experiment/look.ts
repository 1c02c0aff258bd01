import type { ExperimentEvidence, ExperimentPlan, ExperimentVerdict, Readout, RolloutPlan } from '../contracts';
import { catastropheLane } from '../rollout/catastrophe-lane';
import { relativePriorVariance } from '../rollout/design-effect';
import type { Look, UnsealedEvidence } from '../rollout/look';
import { METRIC_CATALOGUE } from '../rollout/metric-catalogue';
import { MIN_BUCKETS, MIN_EVENTS, sampleMetric, type MetricSample } from '../rollout/metric-test';
import type { StageSums } from '../rollout/stage-sums';
import { judgeLook } from '../rollout/verdict';
import { readoutSentence } from './readout-sentence';
import { readOut } from './readout';

/** Everything an experiment's verdict reads; stored with the look. */
export interface ExperimentLook {
  plan: ExperimentPlan;
  planDigest: string;
  /** The control is the champion: it serves anyway, so only the treatment can be stopped for harm. */
  controlIsChampion: boolean;
  /** Time served so far, pauses left out. */
  servedSeconds: number;
  previousControlStreak: number;
  /** The look as a rollout takes it: `stage` is the serving period, the treatment is its canary. */
  look: Look;
}

export type UnsealedExperimentEvidence = Omit<ExperimentEvidence, 'digest'>;

/** Margin of the primary in the derived plan; it only warns, the read-out is the experiment's own test. */
const WARNING_MARGIN = 0.05;

/**
 * The experiment as a rollout's plan of equal stages, one for every serving period so far: looks, guardrails, catastrophe
 * lane and sample-ratio check are then the rollout's own.
 */
export function rolloutPlanOf(plan: ExperimentPlan, periods: number): RolloutPlan {
  const stage = {
    kind: 'canary' as const,
    shareBps: plan.treatmentShareBps,
    holdSeconds: 1,
    minPrimaryEvents: plan.minPrimaryEvents,
    minDecisions: 0,
    maxSeconds: Number.MAX_SAFE_INTEGER,
    approval: false,
  };
  return {
    version: 1,
    name: plan.name,
    alpha: plan.alpha,
    bucketSeconds: plan.bucketSeconds,
    lookEverySeconds: plan.lookEverySeconds,
    labelMaturitySeconds: plan.labelMaturitySeconds,
    decisionDeadlineSeconds: plan.decisionDeadlineSeconds,
    approvalTimeoutSeconds: plan.decisionDeadlineSeconds,
    feasibility: 'waived',
    waiverReason: 'an experiment has its own planner',
    stages: Array.from({ length: periods }, () => stage),
    metrics: [
      { metric: plan.primary, role: 'primary', margin: WARNING_MARGIN, action: 'warn', prove: false },
      ...plan.guardrails.map(({ metric, margin }) => ({
        metric,
        margin,
        role: 'guardrail' as const,
        action: 'rollback' as const,
        prove: false,
      })),
    ],
  };
}

/**
 * Judges one look of an experiment. Pure: the same look gives the same evidence.
 *
 * Order: error > catastrophe lane, guardrails > srm, no-data > too few data > read-out. A guardrail protects users, so it
 * speaks whether the read-out does or not.
 */
export function judgeExperimentLook(input: ExperimentLook): UnsealedExperimentEvidence {
  const { look, plan } = input;
  const judged = judgeLook(look);
  const controlLane = input.controlIsChampion || judged.verdict === 'error' ? null : laneOfControl(input);
  const usable = judged.verdict !== 'error' && judged.verdict !== 'srm' && judged.verdict !== 'no-data';
  const sample = usable ? sampleOf(look, plan) : null;
  const readout = usable ? readOut(sample, plan) : null;
  const { verdict, reason } = decide(input, judged, controlLane, sample, readout);
  return {
    experimentId: look.rolloutId,
    period: look.stage,
    look: look.look,
    atMs: look.atMs,
    matureUntilMs: look.matureUntilMs,
    planDigest: input.planDigest,
    decisions: { treatment: judged.decisions.canary, control: judged.decisions.control },
    srmP: judged.srmP,
    readout,
    guardrails: judged.metrics.filter((metric) => metric.role === 'guardrail'),
    catastrophe: {
      fired: judged.catastrophe.fired || (controlLane?.fired ?? false),
      reason: judged.catastrophe.reason || (controlLane?.reason ?? ''),
      streak: judged.catastrophe.streak,
      controlStreak: controlLane?.streak ?? 0,
    },
    verdict,
    reason,
    inputs: input,
  };
}

function sampleOf(look: Look, plan: ExperimentPlan): MetricSample | null {
  const stages = look.stages.filter(({ stage }) => stage <= look.stage);
  return sampleMetric(plan.primary, { stages, ...(look.prePeriod && { prePeriod: look.prePeriod }) });
}

function decide(
  input: ExperimentLook,
  judged: UnsealedEvidence,
  controlLane: ReturnType<typeof catastropheLane> | null,
  sample: MetricSample | null,
  readout: Readout | null,
): { verdict: ExperimentVerdict; reason: string } {
  if (judged.verdict === 'error') return { verdict: 'error', reason: judged.reason };
  // With the primary set to warn, only the lane and the guardrails make a look inferior.
  if (judged.verdict === 'inferior') return { verdict: 'guardrail', reason: judged.reason };
  if (controlLane?.fired)
    return { verdict: 'guardrail', reason: `catastrophe lane, control arm: ${controlLane.reason}` };
  if (judged.verdict === 'srm' || judged.verdict === 'no-data')
    return { verdict: judged.verdict, reason: judged.reason };
  if (!sample || !readout) return { verdict: 'no-data', reason: `${input.plan.primary} has no data to compare yet` };
  const scarce = scarcity(input.plan, sample);
  if (scarce !== null) return { verdict: 'too-few-data', reason: scarce };
  const reason = readoutSentence(readout, input.plan, input.servedSeconds);
  const { lower, upper } = readout.difference;
  if (lower <= 0 && upper >= 0) return { verdict: 'no-difference-shown', reason };
  const isHigher = lower > 0;
  const isBetter = isHigher === (METRIC_CATALOGUE[input.plan.primary].better === 'higher');
  return { verdict: isBetter ? 'treatment-better' : 'control-better', reason };
}

/** What the sample still lacks before its normal approximation is believed, or null. */
function scarcity({ primary, minPrimaryEvents }: ExperimentPlan, sample: MetricSample): string | null {
  const events = Math.min(sample.canaryEvents, sample.controlEvents);
  const needed = Math.max(MIN_EVENTS, minPrimaryEvents);
  if (events < needed) {
    const { events: name } = METRIC_CATALOGUE[primary];
    return `${Math.floor(events)} of ${needed} ${name} in the smaller arm: too few for a read-out`;
  }
  if (sample.buckets < MIN_BUCKETS)
    return `${sample.buckets} of ${MIN_BUCKETS} user buckets with data in the smaller arm: too few for a read-out`;
  return null;
}

/** The catastrophe lane with the arms changed round: a control that is not the champion must be stoppable too. */
function laneOfControl({ look, plan, previousControlStreak }: ExperimentLook): ReturnType<typeof catastropheLane> {
  const swap = <T>({ canary, control }: { canary: T; control: T }) => ({ canary: control, control: canary });
  const swapStages = (stages: readonly StageSums[]) => stages.map((sums) => ({ stage: sums.stage, ...swap(sums) }));
  const stages = swapStages(look.stages);
  const mirrored = look.prePeriod ? { ...look, stages, prePeriod: swapStages(look.prePeriod) } : { ...look, stages };
  const inputs = {
    recent: swap(look.recent),
    planned: look.plannedSpendNanos && swap(look.plannedSpendNanos),
    latency: look.recentLatency && swap(look.recentLatency),
    stageLatency: look.stageLatency && swap(look.stageLatency),
  };
  return catastropheLane(sampleOf(mirrored, plan), inputs, previousControlStreak, {
    relativePrior: relativePriorVariance(look.plan),
    alpha: plan.alpha,
    inferiorAlpha: plan.alpha,
    minEvents: MIN_EVENTS,
  });
}

import type { Evidence, RolloutPlan, Segment } from '../contracts';
import type { LatencyHistogram } from '../evaluation/latency-histogram';
import type { ArmSums, StageSums } from './stage-sums';

/** Stage sums of one pre-registered segment. */
export type SegmentSumsOfStages = Segment & { stages: StageSums[] };

/** Decision latencies of both arms. */
export interface ArmLatency {
  canary: LatencyHistogram;
  control: LatencyHistogram;
}

/** Everything a verdict reads; stored with the look, so that it can be judged again. */
export interface Look {
  rolloutId: string;
  /** Index into `plan.stages` of the canary stage that serves. */
  stage: number;
  look: number;
  atMs: number;
  stageStartedMs: number;
  /** Decisions in time buckets up to here count; both arms alike. */
  matureUntilMs: number;
  plan: RolloutPlan;
  /** Mature bucket sums of every canary stage so far, ascending; the last one is `stage`. */
  stages: StageSums[];
  /** Sums of the trailing window for the catastrophe lane (`trailingSums`), ids or not, mature or not. */
  recent: ArmSums;
  /** Distinct user keys at first exposure in this stage; never requests (statistics.md 6). */
  exposures: { canary: number; control: number };
  /** p of this stage's last look, 1 at its first. */
  previousSrmP: number;
  /** Streak of the last look, 0 at the first. */
  previousStreak: number;
  /** Planned spend of each arm over the lane's window, nanos; absent = no plan to hold spend against. */
  plannedSpendNanos?: { canary: number; control: number };
  /** Absent = latencies were not kept: the lane does not check them. */
  recentLatency?: ArmLatency;
  /** The same since the stage began: a p99 that is half as high again shows only in many decisions. Absent in older looks. */
  stageLatency?: ArmLatency;
  /**
   * Sums of the users of each stage's arms before the rollout started, by the same buckets (CUPED); absent stages are not
   * adjusted. Assignment is a hash, so it is known for users who had not been exposed yet.
   */
  prePeriod?: StageSums[];
  /** Mature sums of the plan's segment guardrails. */
  segments?: SegmentSumsOfStages[];
  /** Time of the newest decision that reached the lake, of either arm; null = none yet. */
  newestDecisionMs: number | null;
}

/** Evidence before the caller seals it with a digest; its catastrophe streak and SRM p go into the next look. */
export type UnsealedEvidence = Omit<Evidence, 'digest'>;

/** Seconds since the stage began to serve. */
export const elapsedSeconds = (look: Pick<Look, 'atMs' | 'stageStartedMs'>): number =>
  Math.max(0, look.atMs - look.stageStartedMs) / 1000;

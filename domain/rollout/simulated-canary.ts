import type { RolloutPlan } from '../contracts';
import type { Rng } from '../evaluation/bootstrap';
import { seededNormal, seededPoisson, type Poisson } from '../evaluation/seeded-random';
import { servedShare } from './design-effect';
import type { Look, UnsealedEvidence } from './look';
import { nextStep, type Step } from './next-step';
import { addSums, noSums, type BucketSums, type StageSums } from './stage-sums';
import { judgeLook } from './verdict';

/** Traffic and truth of a simulated canary. */
export interface CanaryWorld {
  requestsPerSecond: number;
  /** Clicks per request in the control. */
  clickRate: number;
  /** True relative effect of the candidate on clicks, and so on value. */
  effect: number;
  /** Share of the canary's decisions that fall back; the control has none. */
  fallbackShare: number;
  /** Spread (coefficient of variation) of a user bucket's click rate around the mean, from users who differ. */
  bucketSpread: number;
  /** User-hash buckets per arm; 200 in production. */
  buckets: number;
  /** Distinct users per request: first exposures for the SRM check. */
  usersPerRequest: number;
  /** Share of users that really reaches the canary, as a multiple of the planned one; 1 = as planned. */
  shareBias: number;
}

/** How a simulated rollout ended; `page` at the horizon is `undecided`. */
export interface CanaryRun {
  end: 'promoted' | 'rolled-back' | 'undecided';
  seconds: number;
  looks: number;
  stage: number;
  last: UnsealedEvidence;
}

const CLICK_VALUE_NANOS = 100_000_000;
const COST_SHARE = 0.6;

/**
 * Walks a plan's canary stages under a known truth with the production verdict and step rules: for tests and benches of
 * error rates and power. Labels mature at once; approvals are given at once.
 */
export function simulateCanary(plan: RolloutPlan, world: CanaryWorld, rng: Rng): CanaryRun {
  const poisson = seededPoisson(rng);
  const normal = seededNormal(rng);
  const factors = () => Array.from({ length: world.buckets }, () => Math.max(0, 1 + world.bucketSpread * normal()));
  const spread = { canary: factors(), control: factors() };
  const done: StageSums[] = [];
  let seconds = 0;
  let looks = 0;
  for (let stage = 0; stage < plan.stages.length; stage++) {
    if (plan.stages[stage]!.kind !== 'canary') continue;
    const walked = walkStage({ plan, world, stage, done, spread, poisson, startedAt: seconds, looks });
    seconds = walked.seconds;
    looks = walked.looks;
    done.push(walked.sums);
    const { step, last } = walked;
    if (step === 'advance') continue;
    const end = step === 'promote' ? 'promoted' : step === 'roll-back' ? 'rolled-back' : 'undecided';
    return { end, seconds, looks, stage, last };
  }
  throw new RangeError('simulated canary: the plan has no canary stage that can promote');
}

interface StageWalk {
  plan: RolloutPlan;
  world: CanaryWorld;
  stage: number;
  done: readonly StageSums[];
  spread: { canary: number[]; control: number[] };
  poisson: Poisson;
  startedAt: number;
  looks: number;
}

function walkStage(walk: StageWalk): {
  step: Step;
  last: UnsealedEvidence;
  seconds: number;
  looks: number;
  sums: StageSums;
} {
  const { plan, stage, startedAt } = walk;
  const { maxSeconds } = plan.stages[stage]!;
  const empty = (): BucketSums[] =>
    Array.from({ length: walk.world.buckets }, (_, userBucket) => ({ ...noSums(), userBucket }));
  const sums: StageSums = { stage, canary: empty(), control: empty() };
  const exposures = { canary: 0, control: 0 };
  let previousSrmP = 1;
  let previousStreak = 0;
  let looks = walk.looks;
  for (let elapsed = plan.lookEverySeconds; ; elapsed += plan.lookEverySeconds) {
    const recent = addTraffic(walk, sums, exposures);
    const atMs = (startedAt + elapsed) * 1000;
    const look: Look = {
      rolloutId: 'simulated',
      stage,
      look: looks++,
      atMs,
      stageStartedMs: startedAt * 1000,
      matureUntilMs: atMs,
      plan,
      stages: [...walk.done, sums],
      recent,
      exposures,
      previousSrmP,
      previousStreak,
      newestDecisionMs: atMs,
    };
    const last = judgeLook(look);
    previousSrmP = last.srmP;
    previousStreak = last.catastrophe.streak;
    const { step } = nextStep({
      plan,
      stage,
      verdict: last.verdict,
      verdictReason: last.reason,
      elapsedSeconds: elapsed,
      undecidedSeconds: 0,
      awaitingApprovalSeconds: 0,
      commands: [],
      paused: false,
      approved: true,
      frozen: null,
    });
    if (step !== 'hold' && !(step === 'page' && elapsed < maxSeconds))
      return { step, last, seconds: startedAt + elapsed, looks, sums };
    if (elapsed >= maxSeconds) return { step: 'page', last, seconds: startedAt + elapsed, looks, sums };
  }
}

/** One look period of traffic, added to the stage's sums; returns that period's totals. */
function addTraffic(walk: StageWalk, sums: StageSums, exposures: { canary: number; control: number }) {
  const { plan, world, poisson } = walk;
  const share = Math.min(1, servedShare(plan.stages[walk.stage]!) * world.shareBias);
  const recent = { canary: noSums(), control: noSums() };
  for (const arm of ['canary', 'control'] as const) {
    const armShare = arm === 'canary' ? share : 1 - share;
    const rate = world.clickRate * (arm === 'canary' ? 1 + world.effect : 1);
    const requestMean = (world.requestsPerSecond * plan.lookEverySeconds * armShare) / world.buckets;
    exposures[arm] += poisson(requestMean * world.buckets * world.usersPerRequest);
    sums[arm].forEach((bucket, index) => {
      const requests = poisson(requestMean);
      const clicks = poisson(requests * rate * walk.spread[arm][index]!);
      const added = noSums();
      added.requests = added.eligible = added.bids = added.wins = added.impressions = requests;
      added.clicks = clicks;
      added.valueNanos = clicks * CLICK_VALUE_NANOS;
      added.spendNanos = requests * world.clickRate * CLICK_VALUE_NANOS * COST_SHARE;
      added.fallbacks = arm === 'canary' ? Math.round(requests * world.fallbackShare) : 0;
      addSums(bucket, added);
      addSums(recent[arm], added);
    });
  }
  return recent;
}

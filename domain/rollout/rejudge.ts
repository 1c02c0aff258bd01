import type { Metric, RolloutPlan, Verdict } from '../contracts';
import { elapsedSeconds, type Look } from './look';
import { nextStep, type Step } from './next-step';
import { naiveOutcome, sumsRead, underPolicy, type RejudgePolicy } from './rejudge-policy';
import { readStoredLook } from './stored-look';
import { judgeLook } from './verdict';

/** A look as the record has it. */
export interface PastLook {
  stage: number;
  look: number;
  atMs: number;
  verdict: Verdict;
  reason: string;
  /** `evidence.inputs`, of whatever version. */
  inputs: unknown;
}

/** What was, or would have been, decided at a look. */
export interface Judgement {
  verdict: Verdict;
  step: Step;
  reason: string;
}

/** A look whose step differs. */
export interface Flip {
  stage: number;
  look: number;
  atMs: number;
  from: Judgement;
  to: Judgement;
  /** True for the first flip of a rollout: from there on the record shows what happened, not what would have. */
  first: boolean;
}

/** A look that could not be judged again, and why. */
export interface UnjudgedLook {
  stage: number;
  look: number;
  atMs: number;
  reason: string;
}

/** A rollout under another policy. `looks` = `judged` + `unjudged.length`: nothing is dropped. */
export interface RejudgedRollout {
  looks: number;
  judged: number;
  /** Looks whose verdict differs, also where the step stays. */
  verdictsChanged: number;
  flips: Flip[];
  unjudged: UnjudgedLook[];
}

/** Judges a rollout's looks one by one, oldest first. */
export interface Rejudger {
  add(look: PastLook): void;
  result(): RejudgedRollout;
}

const NEEDS_HUMAN: readonly Verdict[] = ['inconclusive', 'srm', 'no-data', 'error'];

/** Since when a stage's verdict has needed a human, of one of the two histories. */
class UndecidedClock {
  private stage = -1;
  private sinceMs: number | null = null;

  /** Seconds so far, with `verdict` at `atMs`; a new stage starts anew. */
  seconds(stage: number, verdict: Verdict, atMs: number): number {
    if (stage !== this.stage) this.sinceMs = null;
    this.stage = stage;
    this.sinceMs = NEEDS_HUMAN.includes(verdict) ? (this.sinceMs ?? atMs) : null;
    return this.sinceMs === null ? 0 : (atMs - this.sinceMs) / 1000;
  }
}

/**
 * Replays looks of one rollout under `policy` through the verdict and step rules of this version. What people did is no part of a
 * policy: approvals of proven stages count as given and commands as not given, on both sides. The recorded verdict gives the old step, so a rejudge
 * under the own plan flips nothing unless the rules themselves have changed since.
 */
export function rejudger(policy: RejudgePolicy): Rejudger {
  const found: RejudgedRollout = { looks: 0, judged: 0, verdictsChanged: 0, flips: [], unjudged: [] };
  const clocks = { from: new UndecidedClock(), to: new UndecidedClock() };

  return {
    add(past) {
      const { stage, look, atMs } = past;
      found.looks += 1;
      const again = judgeAgain(past, policy);
      if (typeof again === 'string') {
        found.unjudged.push({ stage, look, atMs, reason: again });
        return;
      }
      found.judged += 1;
      const from = judgement(again.stored, again.stored.plan, past, clocks.from);
      const to = judgement(again.stored, again.plan, again, clocks.to);
      if (from.verdict !== to.verdict) found.verdictsChanged += 1;
      if (from.step !== to.step) found.flips.push({ stage, look, atMs, from, to, first: found.flips.length === 0 });
    },
    result: () => found,
  };
}

interface JudgedAgain {
  stored: Look;
  plan: RolloutPlan;
  verdict: Verdict;
  reason: string;
}

/** The look under the policy, or the reason why it cannot be judged. */
function judgeAgain(past: PastLook, policy: RejudgePolicy): JudgedAgain | string {
  const read = readStoredLook(past.inputs);
  if (!read.ok) return read.reason;
  const stored = read.look;
  if (stored.plan.stages[stored.stage] === undefined) return `its plan has no stage ${stored.stage}`;
  const plan = underPolicy(stored.plan, policy);
  const unread = [...sumsRead(plan)].filter((name) => read.missing.has(name));
  if (unread.length > 0) return `sum ${unread.join(', ')} was not recorded when this look was taken`;
  const lacking = lackingFor(stored, plan);
  if (lacking !== null) return `${lacking} was not recorded when this look was taken`;
  const look = { ...stored, plan };
  const evidence = judgeLook(look);
  const { verdict, reason } = policy.rule === 'naive' ? naiveOutcome(look, evidence) : evidence;
  return { stored, plan, verdict, reason };
}

/** What a metric that only the policy names reads beside sums, where the look has none of it; its own plan's blindness is its own. */
function lackingFor(stored: Look, plan: RolloutPlan): string | null {
  const isNew = (name: Metric) =>
    plan.metrics.some(({ metric }) => metric === name) && !stored.plan.metrics.some(({ metric }) => metric === name);
  if (isNew('latencyMsP99') && stored.recentLatency === undefined) return 'latency';
  if (isNew('spendToPlan') && stored.plannedSpendNanos === undefined) return 'planned spend';
  return null;
}

function judgement(
  look: Look,
  plan: RolloutPlan,
  { verdict, reason }: { verdict: Verdict; reason: string },
  clock: UndecidedClock,
): Judgement {
  const decided = nextStep({
    plan,
    stage: look.stage,
    verdict,
    verdictReason: reason,
    elapsedSeconds: elapsedSeconds(look),
    undecidedSeconds: clock.seconds(look.stage, verdict, look.atMs),
    awaitingApprovalSeconds: 0,
    commands: [],
    paused: false,
    // Who approves lets a proven stage go on; what a human would have made of an undecided one is not ours to say.
    approved: verdict === 'non-inferior',
    frozen: null,
  });
  return { verdict, ...decided };
}

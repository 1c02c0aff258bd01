/** From one look to what the stage does: the step is domain/rollout's, the states that show it are the workflow's. */
import { nextStep } from '#domain/rollout/next-step';
import type { RolloutPlan } from '#domain/contracts';
import type { LookResult } from '../../activities/rollout-activities';
import type { RolloutView } from '../messages';

export interface MoveInput {
  plan: RolloutPlan;
  stage: number;
  look: LookResult;
  nowMs: number;
  /** When the first edge served the stage. */
  openedAtMs: number;
  /** Since when the verdict needs a human, or null. */
  undecidedSinceMs: number | null;
  /** Since when an approval is waited for, or null. */
  awaitingSinceMs: number | null;
  paused: boolean;
  /** An approval of the present evidence stands. */
  approved: boolean;
  /** Why exposure may not rise now, or null. */
  held: string | null;
}

/**
 * `ask` waits for a human who may let it through; `freeze` keeps the share and pages, but only time or data end it;
 * `stay` goes on looking. The clocks say since when, for the next look.
 */
export type Move = { reason: string } & (
  | { kind: 'advance' }
  | { kind: 'roll-back' }
  | { kind: 'ask'; waitingFor: string; deadlineAtMs: number; clock: 'undecided' | 'awaiting' }
  | { kind: 'freeze'; waitingFor: string; deadlineAtMs: number }
  | { kind: 'stay'; waitingFor: string | null }
);

const NEEDS_HUMAN: readonly string[] = ['inconclusive', 'srm', 'no-data', 'error'];

const secondsSince = (sinceMs: number | null, nowMs: number): number =>
  sinceMs === null ? 0 : Math.max(0, nowMs - sinceMs) / 1000;

/** What a stage does after `look`. Pure: `nowMs` is the workflow's clock. */
export function moveAfter(input: MoveInput): Move {
  const { plan, look, nowMs, openedAtMs } = input;
  const stage = plan.stages[input.stage];
  const elapsedSeconds = secondsSince(openedAtMs, nowMs);
  const undecided = NEEDS_HUMAN.includes(look.verdict);
  const { step, reason } = nextStep({
    plan,
    stage: input.stage,
    verdict: look.verdict,
    verdictReason: look.reason,
    elapsedSeconds,
    undecidedSeconds: undecided ? secondsSince(input.undecidedSinceMs, nowMs) : 0,
    awaitingApprovalSeconds: secondsSince(input.awaitingSinceMs, nowMs),
    commands: [],
    paused: input.paused,
    approved: input.approved,
    frozen: input.held,
  });
  switch (step) {
    case 'advance':
    case 'promote':
      return { kind: 'advance', reason };
    case 'roll-back':
      return { kind: 'roll-back', reason };
    case 'page': {
      const deadlineAtMs = (input.undecidedSinceMs ?? nowMs) + plan.decisionDeadlineSeconds * 1000;
      if (look.verdict !== 'inconclusive') {
        return {
          kind: 'freeze',
          reason,
          waitingFor: `data that can be trusted (${look.verdict}): the share is frozen`,
          deadlineAtMs,
        };
      }
      return {
        kind: 'ask',
        reason,
        waitingFor: `a decision: stage ${input.stage} is undecided at its horizon`,
        deadlineAtMs,
        clock: 'undecided',
      };
    }
    case 'hold': {
      const proven = look.verdict === 'non-inferior' && elapsedSeconds >= stage.holdSeconds;
      if (proven && stage.approval && !input.paused) {
        const deadlineAtMs = (input.awaitingSinceMs ?? nowMs) + plan.approvalTimeoutSeconds * 1000;
        return {
          kind: 'ask',
          reason,
          waitingFor: `approval to leave stage ${input.stage}`,
          deadlineAtMs,
          clock: 'awaiting',
        };
      }
      return { kind: 'stay', reason, waitingFor: waitingFor(input) };
    }
  }
}

function waitingFor({ paused, held }: MoveInput): string {
  if (paused) return 'resume: paused by an operator';
  return held === null ? 'the next look' : `increases to be allowed: ${held}`;
}

/** Whether the remaining stages may be skipped on the evidence of the newest look. Pure. */
export function fullPromotionStep(run: { view: RolloutView; input: { plan: RolloutPlan }; paused: boolean }) {
  const { view, input, paused } = run;
  return nextStep({
    plan: input.plan,
    stage: view.stage,
    verdict: view.verdict,
    verdictReason: view.reason,
    elapsedSeconds: 0,
    undecidedSeconds: 0,
    awaitingApprovalSeconds: 0,
    commands: ['promote-fully'],
    paused,
    approved: false,
    frozen: view.held ?? null,
  });
}

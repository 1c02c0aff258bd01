import type { RolloutPlan, Verdict } from '../contracts';
import type { RolloutCommand } from './command-precedence';

/** `hold` keeps the share; `page` keeps it and calls a human; `promote` ends the rollout with the candidate as champion. */
export type Step = 'advance' | 'hold' | 'promote' | 'roll-back' | 'page';

/** Where a rollout stands when a step is due. Free of schema imports: workflows bundle this file. */
export interface StepState {
  plan: Pick<
    RolloutPlan,
    'stages' | 'decisionDeadlineSeconds' | 'approvalTimeoutSeconds' | 'labelMaturitySeconds' | 'fullPromotion'
  >;
  /** Index of the stage that serves. */
  stage: number;
  /** Verdict of the newest look of this stage, null before the first. */
  verdict: Verdict | null;
  /** The look's reason sentence, quoted in the step's reason. */
  verdictReason: string;
  /** Since the stage began to serve. */
  elapsedSeconds: number;
  /** Since the verdict first became one that needs a human (inconclusive, srm, no-data, error); 0 otherwise. */
  undecidedSeconds: number;
  /** Since the stage waits for approval; 0 otherwise. */
  awaitingApprovalSeconds: number;
  commands: readonly RolloutCommand[];
  paused: boolean;
  /** A valid approval for leaving this stage, bound to the newest evidence, is present. */
  approved: boolean;
  /** Why increases are blocked (freeze calendar, stop-the-line), or null. Never blocks a decrease. */
  frozen: string | null;
}

/** A step with the sentence that justifies it. */
export interface StepDecision {
  step: Step;
  reason: string;
}

const decided = (step: Step, reason: string): StepDecision => ({ step, reason });

/**
 * The next step of a rollout: first what lowers exposure, then what keeps it, then what raises it.
 * Pure and total; a verdict that is missing never raises exposure. Source: control-plane.md, "Rollout".
 */
export function nextStep(state: StepState): StepDecision {
  return lowering(state) ?? keeping(state) ?? raising(state);
}

function lowering({ commands, verdict, verdictReason, plan, ...state }: StepState): StepDecision | null {
  if (commands.includes('abort')) return decided('roll-back', 'an operator aborted the rollout');
  if (commands.includes('roll-back')) return decided('roll-back', 'an operator asked for rollback');
  if (commands.includes('reject')) return decided('roll-back', 'the approver rejected the candidate');
  if (commands.includes('supersede')) return decided('roll-back', 'a newer candidate took its place');
  if (verdict === 'inferior') return decided('roll-back', verdictReason);
  // An inconclusive stage that a human let pass waits for a freeze only.
  const decidedByHuman = verdict === 'inconclusive' && state.approved;
  if (needsHuman(verdict) && !decidedByHuman && state.undecidedSeconds >= plan.decisionDeadlineSeconds)
    return decided('roll-back', `nobody decided within ${plan.decisionDeadlineSeconds} s: ${verdictReason}`);
  if (state.awaitingApprovalSeconds >= plan.approvalTimeoutSeconds && !state.approved)
    return decided('roll-back', `no approval within ${plan.approvalTimeoutSeconds} s`);
  return null;
}

function keeping(state: StepState): StepDecision | null {
  const { commands, verdict, verdictReason, plan, elapsedSeconds } = state;
  if (verdict === 'srm' || verdict === 'error') return decided('page', verdictReason);
  if (verdict === 'no-data') {
    // Right after a stage starts its first labels are not mature yet; later, silence is an incident.
    const grace = plan.stages[state.stage]!.holdSeconds + plan.labelMaturitySeconds;
    return decided(elapsedSeconds > grace ? 'page' : 'hold', verdictReason);
  }
  if (commands.includes('pause') || (state.paused && !commands.includes('resume')))
    return decided('hold', 'paused by an operator');
  // A freeze blocks no page: the deadline of a decision runs on.
  if (verdict === 'inconclusive' && !commands.includes('promote-fully')) return decided('page', verdictReason);
  if (state.frozen !== null) return decided('hold', `increases are frozen: ${state.frozen}`);
  if (commands.includes('promote-fully')) return fullPromotion(state);
  if (verdict === null) return decided('hold', 'waiting for the first look');
  if (verdict === 'continue') return decided('hold', verdictReason);
  return null;
}

/** Skips the remaining stages, holds and approvals, never the proof that the plan asks for. */
function fullPromotion({ plan, verdict, verdictReason }: StepState): StepDecision {
  const allowed = plan.fullPromotion ?? 'proven';
  if (allowed === 'never') return decided('hold', 'the plan forbids full promotion');
  if (verdict === null) return decided('hold', 'full promotion was asked for before the first look');
  if (allowed === 'proven' && verdict !== 'non-inferior')
    return decided('hold', `the plan allows full promotion of a proven candidate only: ${verdictReason}`);
  return decided('promote', `an operator promoted the candidate fully: ${verdictReason}`);
}

function raising(state: StepState): StepDecision {
  const { plan, stage, verdictReason, elapsedSeconds } = state;
  const { holdSeconds, approval } = plan.stages[stage]!;
  if (state.verdict !== 'non-inferior') return decided('hold', verdictReason);
  if (elapsedSeconds < holdSeconds)
    return decided('hold', `${verdictReason}; minimum hold of ${holdSeconds} s is not over`);
  if (approval && !state.approved) return decided('hold', `${verdictReason}; waiting for approval`);
  const last = stage === plan.stages.length - 1;
  return decided(last ? 'promote' : 'advance', verdictReason);
}

const needsHuman = (verdict: Verdict | null): boolean =>
  verdict === 'inconclusive' || verdict === 'srm' || verdict === 'no-data' || verdict === 'error';

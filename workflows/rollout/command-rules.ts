/** Who may send which command to a rollout, and when: pure rules, used by the updates' validators. */
import type { RolloutState } from '#domain/contracts';
import { outranks as commandOutranks, type RolloutCommand } from '#domain/rollout/command-precedence';
import type { ApproveCommand, Command, Role, RolloutView } from '../messages';

/** The code travels as `ApplicationFailure.type` and becomes an API problem. */
export interface Refusal {
  code:
    | 'ROLE_NOT_ALLOWED'
    | 'FOUR_EYES'
    | 'NOT_AWAITING_APPROVAL'
    | 'STALE_EVIDENCE'
    | 'APPROVAL_EXPIRED'
    | 'FULL_PROMOTION_REFUSED'
    | 'ROLLOUT_FINISHED';
  message: string;
}

export type RolloutCommandKind = 'approve' | 'reject' | 'pause' | 'resume' | 'abort' | 'rollBack' | 'promoteFully';

const ALLOWED: Record<RolloutCommandKind, readonly Role[]> = {
  approve: ['release-manager', 'admin'],
  reject: ['release-manager', 'admin'],
  promoteFully: ['release-manager', 'admin'],
  pause: ['release-manager', 'on-call', 'admin'],
  resume: ['release-manager', 'on-call', 'admin'],
  // Taking back is open to more people than letting through.
  abort: ['ml-lead', 'release-manager', 'on-call', 'admin', 'system'],
  rollBack: ['ml-lead', 'release-manager', 'on-call', 'admin', 'system'],
};

const FINAL: readonly RolloutState[] = ['promoted', 'rolled-back', 'aborted', 'rejected', 'refused', 'superseded'];

/** True when the rollout's workflow changes nothing any more. */
export const isFinal = (state: RolloutState): boolean => FINAL.includes(state);

/** Why `command` is refused in this state, or null. `nowMs` is the workflow's clock. */
export function refusalOf(
  kind: RolloutCommandKind,
  view: RolloutView,
  command: Command | ApproveCommand,
  nowMs: number,
): Refusal | null {
  if (!ALLOWED[kind].includes(command.by.role)) {
    return { code: 'ROLE_NOT_ALLOWED', message: `${command.by.role} may not ${kind} a rollout` };
  }
  if (isFinal(view.state)) return { code: 'ROLLOUT_FINISHED', message: `the rollout is ${view.state}` };
  if (kind === 'promoteFully') return envelopeRefusal(view, command as ApproveCommand, nowMs);
  return kind === 'approve' ? approvalRefusal(view, command as ApproveCommand, nowMs) : null;
}

/** What binds an approval: somebody else than the author, the evidence seen, a time. */
function envelopeRefusal(view: RolloutView, command: ApproveCommand, nowMs: number): Refusal | null {
  if (command.by.name === view.requestedBy) {
    return { code: 'FOUR_EYES', message: `${command.by.name} asked for this rollout and cannot approve it` };
  }
  if (command.evidenceDigest !== view.evidenceDigest) {
    return { code: 'STALE_EVIDENCE', message: 'the approval names other evidence than the one that waits' };
  }
  if (command.expiresAtMs <= nowMs) return { code: 'APPROVAL_EXPIRED', message: 'the approval has expired' };
  return null;
}

function approvalRefusal(view: RolloutView, command: ApproveCommand, nowMs: number): Refusal | null {
  if (command.by.name === view.requestedBy) {
    return { code: 'FOUR_EYES', message: `${command.by.name} asked for this rollout and cannot approve it` };
  }
  const known = view.approvals.some(
    (a) => a.approver === command.by.name && a.evidenceDigest === command.evidenceDigest,
  );
  // The same approval twice is one transition, also when the second arrives after the state has moved on.
  if (known) return null;
  if (view.state !== 'awaiting-approval') {
    return { code: 'NOT_AWAITING_APPROVAL', message: `the rollout is ${view.state}, it waits for no approval` };
  }
  return envelopeRefusal(view, command, nowMs);
}

export type StopKind = Extract<RolloutCommand, 'abort' | 'roll-back' | 'reject' | 'supersede'>;

/** A stronger stop replaces a weaker one that has not been carried out: domain/rollout's precedence of commands. */
export const outranks = (next: StopKind, present: StopKind | null): boolean => commandOutranks(next, present);

import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import * as messages from '../messages';
import type { RolloutView } from '../messages';
import { idempotentWrites } from '../proxies';
import { isFinal, refusalOf, type RolloutCommandKind, type StopKind } from './command-rules';
import type { RolloutRun } from './rollout-run';
import { fullPromotionStep } from './stage-move';

/** Sets the handlers of a rollout's queries, updates and signals: validators refuse, handlers note what was asked. */
export function handleMessages(run: RolloutRun): void {
  const { view } = run;
  const validator = (kind: RolloutCommandKind) => (command: messages.Command) => {
    const refusal = refusalOf(kind, view, command, Date.now());
    if (refusal !== null) throw ApplicationFailure.nonRetryable(refusal.message, refusal.code);
  };
  const stopBy = (kind: StopKind) => (command: messages.Command) => {
    run.askToStop(kind, command.by, command.reason);
    return view;
  };
  setHandler(messages.rolloutState, () => view);
  setHandler(messages.approve, (command) => recordApproval(run, command), {
    validator: (command) => {
      validator('approve')(command);
      // Asked to stop, not there yet: an approval that is taken now would mean nothing.
      if (run.stop !== null)
        throw ApplicationFailure.nonRetryable('the rollout is being stopped', 'NOT_AWAITING_APPROVAL');
    },
  });
  setHandler(messages.promoteFully, (command) => recordFullPromotion(run, command), {
    validator: (command) => {
      validator('promoteFully')(command);
      const { step, reason } = fullPromotionStep(run);
      if (!run.stageOpen || step !== 'promote')
        throw ApplicationFailure.nonRetryable(
          run.stageOpen ? reason : 'no canary stage is served',
          'FULL_PROMOTION_REFUSED',
        );
    },
  });
  setHandler(messages.supersede, ({ by }) => {
    // What has served, or ends already, is not taken away by a newer candidate.
    if (!isFinal(view.state) && view.shareBps === 0 && !run.stageOpen)
      run.askToStop('supersede', { name: 'rollout', role: 'system' }, `rollout ${by} took its place`);
  });
  setHandler(messages.reject, stopBy('reject'), { validator: validator('reject') });
  setHandler(messages.abort, stopBy('abort'), { validator: validator('abort') });
  setHandler(messages.rollBack, stopBy('roll-back'), { validator: validator('rollBack') });
  setHandler(messages.rollBackRequested, (command) => {
    if (!isFinal(view.state)) run.askToStop('roll-back', command.by, command.reason);
  });
  const setPaused = (paused: boolean) => async (command: messages.Command) => {
    run.paused = paused;
    if (view.state === 'canary' && paused) {
      await run.enter('paused', { waitingFor: `resume: paused by ${command.by.name}` });
    } else if (view.state === 'paused' && !paused) {
      await run.enter('canary', { reason: `resumed by ${command.by.name}` });
    }
    return view;
  };
  setHandler(messages.pause, setPaused(true), { validator: validator('pause') });
  setHandler(messages.resume, setPaused(false), { validator: validator('resume') });
}

async function recordApproval(run: RolloutRun, command: messages.ApproveCommand): Promise<RolloutView> {
  const { view } = run;
  const known = view.approvals.some(
    (a) => a.approver === command.by.name && a.evidenceDigest === command.evidenceDigest,
  );
  if (known) return view;
  await record(run, command, `${command.by.name} approves`);
  // Only now, when the approval is durable, may the rollout move on it; newer evidence has voided it meanwhile.
  if (view.evidenceDigest === command.evidenceDigest) run.approval = command;
  return view;
}

async function recordFullPromotion(run: RolloutRun, command: messages.ApproveCommand): Promise<RolloutView> {
  await record(run, command, `${command.by.name} promotes fully`);
  if (run.view.evidenceDigest === command.evidenceDigest) run.fullPromotion = command;
  return run.view;
}

/** Writes the envelope of an approval: rollout, stage, evidence, approver, reason, expiry. */
async function record(run: RolloutRun, command: messages.ApproveCommand, what: string): Promise<void> {
  const { view } = run;
  const { approvalId, evidenceDigest, reason, expiresAtMs } = command;
  const { stage } = view;
  view.approvals.push({ approvalId, approver: command.by.name, stage, evidenceDigest, reason });
  const { key } = run.key('approval');
  await idempotentWrites.recordApproval.executeWithOptions({ summary: `${what} (${key})` }, [
    {
      approvalId,
      rolloutId: view.rolloutId,
      stage,
      evidenceDigest,
      approver: command.by.name,
      decision: 'approve',
      reason,
      expiresAtMs,
    },
  ]);
}

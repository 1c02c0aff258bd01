import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import type { RolloutState } from '#domain/contracts';
import * as messages from './messages';
import type { RollOutPolicyInput, RolloutView } from './messages';
import { idempotentWrites, reads } from './proxies';
import { runCanaryStage, type StageEnd } from './rollout/canary-stage';
import { isFinal, refusalOf, type RolloutCommandKind, type StopKind } from './rollout/command-rules';
import { promote } from './rollout/promotion';
import { makeSafe } from './rollout/return-to-safety';
import { RolloutRun } from './rollout/rollout-run';
import { runShadowStage } from './rollout/shadow-stage';

/**
 * One candidate's way to production: lint, claim, shadow, approval, canary stages, promotion or roll-back.
 * Ends with its view, whatever the end; it fails only on a fault of the machinery itself.
 */
export async function rollOutPolicy(input: RollOutPolicyInput): Promise<RolloutView> {
  const run = new RolloutRun(input);
  handleMessages(run);
  run.show();
  try {
    if (input.carried !== undefined || (await admit(run))) await carryOut(run);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Cancelled in the Temporal UI: the same as an abort.
    await CancellationScope.nonCancellable(() => end(run, 'aborted', 'cancelled in Temporal'));
  }
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  return run.view;
}

/** Lints plan and subject, then takes the (cell, agent) lock and pins the roll-back target. */
async function admit(run: RolloutRun): Promise<boolean> {
  const { view, input } = run;
  await idempotentWrites.openRollout({
    ...run.subject,
    fleet: view.fleet,
    plan: input.plan,
    requestedBy: view.requestedBy,
  });
  const { faults } = await reads.lintRollout({ ...run.subject, plan: input.plan });
  if (faults.length > 0) {
    await run.enter('refused', { faults, reason: `the request has ${faults.length} fault(s)` });
    return false;
  }
  const claim = await idempotentWrites.claimRollout(run.subject);
  if (!claim.claimed || claim.rollbackTargetId === null) {
    const detail = `rollout ${claim.holder ?? 'unknown'} holds ${view.agent} in ${view.cell}`;
    await run.enter('refused', { faults: [{ pointer: '', code: 'CELL_BUSY', detail }], reason: detail });
    return false;
  }
  view.rollbackTargetId = claim.rollbackTargetId;
  const { key } = run.key('intent');
  await idempotentWrites.appendIntent({
    key,
    kind: 'rollout.started',
    publisher: 'operator',
    subject: view.rolloutId,
    action: { agent: view.agent, candidateId: view.candidateId, rollbackTargetId: claim.rollbackTargetId },
    reason: `requested by ${view.requestedBy}`,
    expiresAt: null,
  });
  return true;
}

/** No approval fits what the next stage has not shown yet. */
const NEXT_STAGE = { state: 'canary', waitingFor: 'the next stage to open', deadlineAtMs: null } as const;

async function carryOut(run: RolloutRun): Promise<void> {
  const { view, input } = run;
  while (view.stage < input.plan.stages.length) {
    const outcome = await runStage(run);
    switch (outcome) {
      case 'advance':
        run.stageOpen = false;
        run.approval = null;
        Object.assign(view, NEXT_STAGE, { stage: view.stage + 1 });
        break;
      case 'roll-back':
        return end(run, view.shareBps > 0 ? 'rolled-back' : 'rejected', view.reason);
      case 'stopped':
        return endAsAsked(run);
      case 'continue-as-new':
        await condition(allHandlersFinished);
        // Whatever an operator asked for meanwhile is done here: only the view is carried on.
        if (run.stop !== null) return endAsAsked(run);
        return continueAsNew<typeof rollOutPolicy>(run.carry());
    }
  }
  view.stage = input.plan.stages.length - 1;
  const promoted = await promote(run);
  if (run.stop !== null) return endAsAsked(run);
  if (!promoted) return end(run, 'rolled-back', view.reason);
  await idempotentWrites.releaseRollout({ rolloutId: view.rolloutId });
}

function runStage(run: RolloutRun): Promise<StageEnd> {
  return run.stage.kind === 'shadow' ? runShadowStage(run) : runCanaryStage(run);
}

const END_OF_STOP: Record<StopKind, RolloutState> = {
  abort: 'aborted',
  'roll-back': 'rolled-back',
  reject: 'rejected',
};

async function endAsAsked(run: RolloutRun): Promise<void> {
  const { stop } = run;
  if (stop === null) return;
  await end(run, END_OF_STOP[stop.kind], `${stop.by.name}: ${stop.reason}`, stop.atMs);
  // An abort that arrived during a roll-back changes the name of the end, not the way to safety.
  if (run.stop !== null && run.stop.kind !== stop.kind) await run.enter(END_OF_STOP[run.stop.kind]);
}

async function end(run: RolloutRun, state: RolloutState, reason: string, verdictAtMs = Date.now()): Promise<void> {
  await makeSafe(run, reason, verdictAtMs);
  await run.enter(state, { reason, shareBps: 0 });
  await idempotentWrites.releaseRollout({ rolloutId: run.view.rolloutId });
}

function handleMessages(run: RolloutRun): void {
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
  setHandler(messages.approve, (command) => recordApproval(run, command), { validator: validator('approve') });
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
  const { approvalId, evidenceDigest, reason, expiresAtMs } = command;
  const { stage } = view;
  view.approvals.push({ approvalId, approver: command.by.name, stage, evidenceDigest, reason });
  const { key } = run.key('approval');
  await idempotentWrites.recordApproval.executeWithOptions({ summary: `${command.by.name} approves (${key})` }, [
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
  // Only now, when the approval is durable, may the rollout move on it; newer evidence has voided it meanwhile.
  if (view.evidenceDigest === evidenceDigest) run.approval = command;
  return view;
}

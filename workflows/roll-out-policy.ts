import { allHandlersFinished, CancellationScope, condition, continueAsNew, isCancellation } from '@temporalio/workflow';
import type { RolloutState } from '#domain/contracts';
import type { RollOutPolicyInput, RolloutView } from './messages';
import { idempotentWrites } from './proxies';
import { settlePages } from './raise-page';
import { admit } from './rollout/admission';
import { runCanaryStage, type StageEnd } from './rollout/canary-stage';
import type { StopKind } from './rollout/command-rules';
import { handleMessages } from './rollout/handle-messages';
import { promote } from './rollout/promotion';
import { makeSafe } from './rollout/return-to-safety';
import { RolloutRun } from './rollout/rollout-run';
import { runShadowStage } from './rollout/shadow-stage';
import { waitOutHold } from './rollout/wait-out-hold';

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
    else if (run.stop !== null) await endAsAsked(run);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Cancelled in the Temporal UI: the same as an abort.
    await CancellationScope.nonCancellable(() => end(run, 'aborted', 'cancelled in Temporal'));
  }
  await CancellationScope.nonCancellable(async () => {
    await condition(allHandlersFinished);
    await settlePages(run.pagesRaised);
  });
  return run.view;
}

/** No approval fits what the next stage has not shown yet. */
const NEXT_STAGE = { state: 'canary', waitingFor: 'the next stage to open', deadlineAtMs: null } as const;

async function carryOut(run: RolloutRun): Promise<void> {
  const { view, input } = run;
  for (;;) {
    const outcome = view.stage < input.plan.stages.length ? await runStage(run) : 'promote';
    switch (outcome) {
      case 'advance':
        run.stageOpen = false;
        run.approval = null;
        Object.assign(view, NEXT_STAGE, { stage: view.stage + 1 });
        break;
      case 'held':
        await waitOutHold(run);
        if (run.stop !== null) return endAsAsked(run);
        break;
      case 'promote':
        if (await carryOutPromotion(run)) return;
        break;
      case 'roll-back':
        return end(run, view.shareBps > 0 ? 'rolled-back' : 'rejected', view.reason);
      case 'stopped':
        return endAsAsked(run);
      case 'continue-as-new':
        await condition(allHandlersFinished);
        await settlePages(run.pagesRaised);
        // Whatever an operator asked for meanwhile is done here: only the view is carried on.
        if (run.stop !== null) return endAsAsked(run);
        return continueAsNew<typeof rollOutPolicy>(run.carry());
    }
  }
}

/** False when increases are blocked: the stage that served goes on, guard and looks, and asks again. */
async function carryOutPromotion(run: RolloutRun): Promise<boolean> {
  const { view, input } = run;
  view.stage = Math.min(view.stage, input.plan.stages.length - 1);
  const outcome = await promote(run);
  if (run.stop !== null) {
    await endAsAsked(run);
    return true;
  }
  if (outcome === 'held') {
    run.stageOpen = true;
    await run.enter('canary', { waitingFor: `increases to be allowed: ${view.held ?? ''}` });
    return false;
  }
  if (outcome === 'promoted') await idempotentWrites.releaseRollout({ rolloutId: view.rolloutId });
  else await end(run, 'rolled-back', view.reason);
  return true;
}

function runStage(run: RolloutRun): Promise<StageEnd> {
  return run.stage.kind === 'shadow' ? runShadowStage(run) : runCanaryStage(run);
}

const END_OF_STOP: Record<StopKind, RolloutState> = {
  abort: 'aborted',
  'roll-back': 'rolled-back',
  reject: 'rejected',
  supersede: 'superseded',
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

import { CancellationScope, condition, executeChild, isCancellation } from '@temporalio/workflow';
import type { ShadowEvidence } from '../messages';
import { validateInShadow } from '../validate-in-shadow';
import { shadowWorkflowId } from '../workflow-ids';
import type { StageEnd } from './canary-stage';
import type { RolloutRun } from './rollout-run';

/** Runs the shadow stage as a child workflow, then waits for the approval that the plan asks for. */
export async function runShadowStage(run: RolloutRun): Promise<StageEnd> {
  const { view } = run;
  await run.enter('shadow', {
    stageKind: 'shadow',
    shareBps: 0,
    reason: `decides without effect on ${run.stage.shareBps / 100} % of requests`,
    waitingFor: 'the shadow evidence',
  });
  const evidence = await shadowUnlessStopped(run);
  if (run.stop !== null || evidence === null) return 'stopped';
  view.evidenceDigest = evidence.digest;
  view.reason = evidence.reason;
  if (evidence.verdict !== 'pass') return 'roll-back';
  return run.stage.approval ? waitForApproval(run) : 'advance';
}

async function shadowUnlessStopped(run: RolloutRun): Promise<ShadowEvidence | null> {
  const { view, input } = run;
  const scope = new CancellationScope({ cancellable: true });
  const child = scope.run(async () => {
    try {
      return await executeChild(validateInShadow, {
        workflowId: shadowWorkflowId(view.rolloutId),
        staticSummary: `Shadow of ${view.candidateId} (${view.agent})`,
        args: [
          {
            rolloutId: view.rolloutId,
            fleet: view.fleet,
            agent: view.agent,
            stage: view.stage,
            plan: input.plan,
            requestedBy: view.requestedBy,
          },
        ],
      });
    } catch (error) {
      // Only a stop cancels this scope; any other failure of the child is a failure of the rollout.
      if (isCancellation(error) && run.stop !== null) return null;
      throw error;
    }
  });
  await Promise.race([child, condition(() => run.stop !== null)]);
  if (run.stop !== null) scope.cancel();
  return child;
}

/** Nothing but the champion serves here, so nothing is guarded; without an approval in time the candidate is rejected. */
async function waitForApproval(run: RolloutRun): Promise<StageEnd> {
  const { view, input } = run;
  const timeoutMs = input.plan.approvalTimeoutSeconds * 1000;
  await run.enter('awaiting-approval', {
    waitingFor: `approval to leave stage ${view.stage}`,
    deadlineAtMs: Date.now() + timeoutMs,
  });
  const approved = () => run.approvalStands(Date.now()) && !run.paused;
  const decided = await condition(() => run.stop !== null || approved(), timeoutMs);
  if (run.stop !== null) return 'stopped';
  if (decided) return 'advance';
  view.reason = 'nobody approved before the deadline';
  return 'roll-back';
}

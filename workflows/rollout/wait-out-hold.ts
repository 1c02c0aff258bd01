import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { queues } from '../proxies';
import type { RolloutRun } from './rollout-run';

/**
 * A stage that was not opened because increases are blocked. What served before goes back to its looks, guard and all, and
 * comes here again when a look finds the way free; where nothing serves yet, this waits without history.
 */
export async function waitOutHold(run: RolloutRun): Promise<void> {
  const { view, input } = run;
  const before = input.plan.stages.at(view.stage - 1);
  if (view.stage > 0 && before?.kind === 'canary') {
    view.stage -= 1;
    run.stageOpen = true;
    await run.enter('canary', { waitingFor: `increases to be allowed: ${view.held ?? ''}` });
    return;
  }
  await run.enter('planned', { waitingFor: `increases to be allowed: ${view.held ?? ''}` });
  const scope = new CancellationScope({ cancellable: true });
  const waiting = scope.run(async () => {
    try {
      await queues.awaitRelease.executeWithOptions({ summary: `held: ${view.held ?? ''}`.slice(0, 190) }, [
        { rolloutId: view.rolloutId },
      ]);
    } catch (error) {
      if (!isCancellation(error) || run.stop === null) throw error;
    }
  });
  await Promise.race([waiting, condition(() => run.stop !== null)]);
  if (run.stop !== null) scope.cancel();
  await waiting;
  view.held = null;
}

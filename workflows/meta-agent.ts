import { allHandlersFinished, condition, continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';
import { judgeFleet } from '#domain/meta/fleet-policy';
import type { MetaAgentInput } from './messages';
import { governedTick, restore } from './meta/governed-tick';
import { META, quarantineAgent, train } from './meta/meta-acts';
import { handleCommands } from './meta/meta-commands';
import { MetaRun } from './meta/meta-run';
import { reads } from './proxies';

/** Ticks that one run may see before it continues as new even when Temporal does not suggest it. */
const TICKS_PER_RUN = 1000;

/**
 * Watches one fleet for ever: every tick it reads KPIs, asks domain/meta, and quarantines a failing agent, adjusts weights, asks for
 * retraining, moves autonomy, or proposes to stop. Operators' commands act at once, also while it is paused.
 */
export async function metaAgent(input: MetaAgentInput): Promise<void> {
  const run = new MetaRun(input);
  handleCommands(run);
  run.show();
  if (run.isFresh) await restore(run);
  for (
    let ticks = 0;
    ticks < (input.ticksPerRun ?? TICKS_PER_RUN) && !workflowInfo().continueAsNewSuggested;
    ticks += 1
  ) {
    await sleep(input.tickSeconds * 1000, { summary: 'until the next tick' });
    if (!run.view.paused) await (run.isGoverned ? governedTick(run) : tick(run));
    run.show();
  }
  await condition(allHandlersFinished);
  await continueAsNew<typeof metaAgent>(run.carry());
}

/** The tick of runs that began before `meta-governance`: kept so that their histories replay. */
async function tick(run: MetaRun): Promise<void> {
  const { input, view } = run;
  const { cell, windowSeconds } = input;
  const health = await reads.readFleetHealth({ cell, windowSeconds });
  view.ticks += 1;
  view.lastTickAtMs = Date.now();
  const judged = judgeFleet({ health, quarantined: view.quarantined, memory: run.memory, nowMs: Date.now() });
  run.memory = judged.memory;
  view.reason = judged.reason;
  for (const action of judged.actions) {
    switch (action.kind) {
      case 'quarantine':
        await quarantineAgent(run, action.agent, META, action.reason);
        break;
      case 'propose-stop':
        // Stopping the fleet is a person's decision; the proposal pages.
        run.note('proposes to stop bidding', action.reason);
        break;
      case 'retrain':
        await train(run, action.agent, META, Math.max(3600, input.windowSeconds), action.reason);
        break;
    }
  }
}

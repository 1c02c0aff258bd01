import { patched, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { RetrainTickInput } from './messages';
import { idempotentWrites } from './proxies';

/**
 * What the Schedule fires: Schedules append the time to workflow ids, so this thin tick gives retraining its own
 * meaningful id. The cutoff is the hour of the tick's start: fired twice in an hour, it starts one run; fired while an earlier run of
 * its kind still trains, it joins that one.
 */
export async function retrainTick(input: RetrainTickInput): Promise<{ started: string[] }> {
  const hourMs = 3_600_000;
  const cutoffMs = Math.floor(workflowInfo().startTime.getTime() / hourMs) * hourMs;
  const started: string[] = [];
  const request = {
    fleet: input.fleet,
    cell: input.cell,
    kind: input.kind === 'full' ? ('full' as const) : ('daily' as const),
    cutoffMs,
    windowSeconds: input.windowSeconds,
    requestedBy: { name: 'schedule', role: 'system' as const },
  };
  const [agent, ...others] = input.agents;
  if (agent !== undefined && patched('one-run-of-several')) {
    const agents = others.length === 0 ? {} : { agents: input.agents };
    const { workflowId } = await idempotentWrites.startTraining({ ...request, agent, ...agents, joinsRunning: true });
    started.push(workflowId);
  } else {
    for (const each of input.agents) {
      const { workflowId } = await idempotentWrites.startTraining({ ...request, agent: each });
      started.push(workflowId);
    }
  }
  setCurrentDetails(`Started ${started.join(', ')}`);
  return { started };
}

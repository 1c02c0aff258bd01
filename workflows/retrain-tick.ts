import { setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { RetrainTickInput } from './messages';
import { idempotentWrites } from './proxies';

/**
 * What the Schedule fires: Schedules append the time to workflow ids, so this thin tick gives retraining its own
 * meaningful id. The cutoff is the hour of the tick's start: fired twice in an hour, it starts one run.
 */
export async function retrainTick(input: RetrainTickInput): Promise<{ started: string[] }> {
  const hourMs = 3_600_000;
  const cutoffMs = Math.floor(workflowInfo().startTime.getTime() / hourMs) * hourMs;
  const started: string[] = [];
  for (const agent of input.agents) {
    const { workflowId } = await idempotentWrites.startTraining({
      fleet: input.fleet,
      cell: input.cell,
      agent,
      kind: input.kind === 'full' ? 'full' : 'daily',
      cutoffMs,
      windowSeconds: input.windowSeconds,
      requestedBy: { name: 'schedule', role: 'system' },
    });
    started.push(workflowId);
  }
  setCurrentDetails(`Started ${started.join(', ')}`);
  return { started };
}

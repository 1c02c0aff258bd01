import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { rolloutPlanSchema, type RolloutPlan } from '#domain/contracts';
import { CONTROL_QUEUE, rolloutWorkflowId } from '../../workflows/workflow-ids';

const OPERATOR = { name: 'bench', role: 'on-call' } as const;
/** Share at which both arms have the same number of users. */
const SHARE_BPS = 5000;

/** One canary stage that holds for hours and is looked at every second: the bench, not the verdict, ends it. */
const PLAN: RolloutPlan = rolloutPlanSchema.parse({
  version: 1,
  name: 'bench',
  bucketSeconds: 300,
  lookEverySeconds: 1,
  labelMaturitySeconds: 1,
  decisionDeadlineSeconds: 86_400,
  feasibility: 'waived',
  waiverReason: 'a bench: nothing is promoted',
  stages: [
    {
      kind: 'canary',
      shareBps: SHARE_BPS,
      holdSeconds: 14_400,
      minPrimaryEvents: 100,
      minDecisions: 1000,
      maxSeconds: 86_400,
    },
  ],
  metrics: [
    { metric: 'value', role: 'primary', margin: 0.05, action: 'rollback', prove: true },
    { metric: 'ctr', role: 'guardrail', margin: 0.05, action: 'rollback' },
  ],
});

/** Starts a rollout of the champion against itself in a cell, as the control plane would. */
export async function startRollout(
  client: Client,
  cell: string,
  candidateId: string,
): Promise<{ rolloutId: string; handle: WorkflowHandle }> {
  const rolloutId = `bench-${randomUUID().slice(0, 18)}`;
  const input = { rolloutId, fleet: 'demo', cell, agent: 'bid', candidateId, plan: PLAN, requestedBy: OPERATOR };
  const handle = await client.workflow.start('rollOutPolicy', {
    workflowId: rolloutWorkflowId(rolloutId),
    taskQueue: CONTROL_QUEUE,
    args: [input],
  });
  return { rolloutId, handle };
}

/** Waits until the canary serves. @throws Error when the rollout ends before */
export async function untilServing(handle: WorkflowHandle): Promise<void> {
  for (;;) {
    const view = await handle.query<{ state: string; look: number; reason: string }>('state');
    if (view.state === 'canary' && view.look > 0) return;
    if (['refused', 'rejected', 'rolled-back', 'aborted'].includes(view.state))
      throw new Error(`the bench's rollout ended ${view.state}: ${view.reason}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Ends a rollout as an operator would, and waits for its end: the champion served, every row released. */
export async function abort(handle: WorkflowHandle): Promise<void> {
  await handle.executeUpdate('abort', { args: [{ by: OPERATOR, reason: 'the bench has seen enough' }] });
  await handle.result();
}

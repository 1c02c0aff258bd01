import { type Client, WorkflowIdConflictPolicy } from '@temporalio/client';
import type { MetaAgentInput } from '../../../../workflows/messages';
import { CONTROL_QUEUE, metaWorkflowId } from '../../../../workflows/workflow-ids';
import { ensureRetrainSchedules } from './retrain-schedules';

export interface StandingSettings {
  fleet: string;
  cell: string;
  metaTickSeconds: number;
  /** Length of the daily and of the weekly training window, seconds. */
  trainingWindowSeconds: number;
  fullWindowSeconds: number;
}

/** Makes sure that the fleet's meta-agent runs and that its daily and weekly retraining is scheduled. Repeating it changes nothing. */
export async function ensureStandingWorkflows(client: Client, settings: StandingSettings): Promise<void> {
  await ensureRetrainSchedules(client, settings);
  const input: MetaAgentInput = {
    fleet: settings.fleet,
    cell: settings.cell,
    tickSeconds: settings.metaTickSeconds,
    // Two windows are compared: shorter ones see a traffic ramp as a drop.
    windowSeconds: Math.max(600, 4 * settings.metaTickSeconds),
  };
  await client.workflow.start('metaAgent', {
    workflowId: metaWorkflowId(settings.fleet),
    taskQueue: CONTROL_QUEUE,
    args: [input],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    staticSummary: `Meta-agent of fleet ${settings.fleet}`,
  });
}

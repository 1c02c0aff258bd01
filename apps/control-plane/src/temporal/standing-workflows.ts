import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
  WorkflowIdConflictPolicy,
} from '@temporalio/client';
import type { MetaAgentInput, RetrainTickInput } from '../../../../workflows/messages';
import { CONTROL_QUEUE, metaWorkflowId } from '../../../../workflows/workflow-ids';

export interface StandingSettings {
  fleet: string;
  cell: string;
  metaTickSeconds: number;
  /** Length of the daily training window, seconds. */
  trainingWindowSeconds: number;
}

/** Id of the daily schedule; the tick's workflow ids get the nominal time appended. */
export const dailyScheduleId = (fleet: string): string => `retrain-daily/${fleet}`;

/** Makes sure that the fleet's meta-agent runs and that its daily retraining is scheduled. Repeating it changes nothing. */
export async function ensureStandingWorkflows(client: Client, settings: StandingSettings): Promise<void> {
  await ensureDailySchedule(client, settings);
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

async function ensureDailySchedule(client: Client, settings: StandingSettings): Promise<void> {
  const tick: RetrainTickInput = {
    fleet: settings.fleet,
    cell: settings.cell,
    agents: ['bid', 'budget'],
    kind: 'daily',
    windowSeconds: settings.trainingWindowSeconds,
  };
  try {
    await client.schedule.create({
      scheduleId: dailyScheduleId(settings.fleet),
      spec: {
        calendars: [{ hour: 3, minute: 30, comment: 'after the night traffic, before the morning' }],
        timezone: 'UTC',
      },
      action: {
        type: 'startWorkflow',
        workflowType: 'retrainTick',
        taskQueue: CONTROL_QUEUE,
        workflowId: `retrain-tick/${settings.fleet}`,
        args: [tick],
        staticSummary: `Daily retraining of ${settings.fleet}`,
      },
      // The default catch-up window is a year: an outage would fire old runs.
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '6 hours' },
      state: { note: 'Created by the worker; pause it here or in the Temporal UI.' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

import {
  type CalendarSpec,
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { RetrainTickInput } from '../../../../workflows/messages';
import { CONTROL_QUEUE } from '../../../../workflows/workflow-ids';

/** Retraining by the clock: a daily fast path, and once a week over a longer window. */
export const SCHEDULE_NAMES = ['retrain-daily', 'retrain-weekly'] as const;
export type ScheduleName = (typeof SCHEDULE_NAMES)[number];

/** Id of a fleet's schedule; the tick's workflow ids get the nominal time appended. */
export const scheduleId = (name: ScheduleName, fleet: string): string => `${name}/${fleet}`;

export interface ScheduleSettings {
  fleet: string;
  cell: string;
  trainingWindowSeconds: number;
  fullWindowSeconds: number;
}

/** The default is a year: after an outage it would fire every run that was missed. Long enough for a night's outage. */
const CATCH_UP = '6 hours';

interface Plan {
  name: ScheduleName;
  kind: 'daily' | 'full';
  windowSeconds: number;
  calendar: CalendarSpec;
  summary: string;
}

const plansOf = (settings: ScheduleSettings): Plan[] => [
  {
    name: 'retrain-daily',
    kind: 'daily',
    windowSeconds: settings.trainingWindowSeconds,
    calendar: { hour: 3, minute: 30, comment: 'after the night traffic, before the morning' },
    summary: `Daily retraining of ${settings.fleet}`,
  },
  {
    name: 'retrain-weekly',
    kind: 'full',
    windowSeconds: settings.fullWindowSeconds,
    calendar: { dayOfWeek: 'SUNDAY', hour: 1, minute: 30, comment: 'the quietest night of the week' },
    summary: `Weekly full retraining of ${settings.fleet}`,
  },
];

/**
 * Makes sure that both schedules exist with these policies and windows. One that is there keeps its times and its pause, which belong
 * to the operators; its policies and its window are the release's.
 */
export async function ensureRetrainSchedules(client: Client, settings: ScheduleSettings): Promise<void> {
  for (const plan of plansOf(settings)) await ensure(client, settings, plan);
}

async function ensure(client: Client, settings: ScheduleSettings, plan: Plan): Promise<void> {
  const { fleet, cell } = settings;
  const tick: RetrainTickInput = {
    ...{ fleet, cell, kind: plan.kind, windowSeconds: plan.windowSeconds },
    agents: ['bid', 'budget'],
  };
  const action = {
    type: 'startWorkflow' as const,
    workflowType: 'retrainTick',
    taskQueue: CONTROL_QUEUE,
    // The daily id of before stays: running ticks are found under it.
    workflowId: plan.kind === 'daily' ? `retrain-tick/${fleet}` : `retrain-tick-full/${fleet}`,
    args: [tick],
    staticSummary: plan.summary,
  };
  const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP } as const;
  try {
    await client.schedule.create({
      ...{ scheduleId: scheduleId(plan.name, fleet), action, policies },
      spec: { calendars: [plan.calendar], timezone: 'UTC' },
      state: { note: 'Created by the worker; pause it by the API, `adloop train schedule`, or in the Temporal UI.' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule
      .getHandle(scheduleId(plan.name, fleet))
      .update(({ spec, state }) => ({ spec, state, action, policies }));
  }
}

/** A schedule as the API tells it. */
export interface ScheduleState {
  name: ScheduleName;
  paused: boolean;
  note: string;
  overlap: string;
  catchUpSeconds: number;
  windowSeconds: number;
  nextAt: string[];
  lastAt: string | null;
  lastWorkflowIds: string[];
  /** Firings that an outage longer than the catch-up window cost. */
  missed: number;
  /** Firings skipped because the tick before still ran. */
  skipped: number;
}

/** Next firings shown. */
const NEXT = 3;

/** Reads a schedule back. */
export function scheduleState(name: ScheduleName, described: ScheduleDescription): ScheduleState {
  const { state, policies, info, action } = described;
  const [tick] = (action.type === 'startWorkflow' ? (action.args ?? []) : []) as [RetrainTickInput?];
  const last = info.recentActions.at(-1);
  return {
    name,
    paused: state.paused,
    note: state.note ?? '',
    overlap: policies.overlap ?? 'SKIP',
    catchUpSeconds: Math.round(policies.catchupWindow / 1000),
    windowSeconds: tick?.windowSeconds ?? 0,
    nextAt: info.nextActionTimes.slice(0, NEXT).map((at) => at.toISOString()),
    lastAt: last?.takenAt.toISOString() ?? null,
    lastWorkflowIds: info.recentActions.map(({ action: taken }) => taken.workflow.workflowId),
    missed: info.numActionsMissedCatchupWindow,
    skipped: info.numActionsSkippedOverlap,
  };
}

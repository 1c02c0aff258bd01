import { readFileSync } from 'node:fs';
import { ScheduleOverlapPolicy, type Client, type WorkflowHandle } from '@temporalio/client';
import { CONTROL_QUEUE, retrainWorkflowId } from '../../workflows/workflow-ids';
import { cellName, type BenchCells } from './bench-cells';
import { abort, startRollout, untilServing } from './bench-rollouts';

/** The default plan looks once a minute. */
const LOOKS_PER_DAY = 1440;
const SETTLE_MS = 5000;
const HOUR_MS = 3_600_000;

export interface LifecycleReport {
  rollouts: number;
  /** Rollouts under way at any moment, each in a cell of its own. */
  lanes: number;
  seconds: number;
  perSecond: number;
  /** Resident memory of the worker process before the first, after half and after the last, MiB. */
  memoryMb: { before: number; half: number; after: number };
}

export interface LookReport {
  rollouts: number;
  /** Looks that the plans ask for, and that were stored, per second. */
  wantedPerSecond: number;
  perSecond: number;
  /** Rows of sums that one look reads. */
  rowsPerLook: number;
}

export interface ScheduleReport {
  schedules: number;
  wantedPerSecond: number;
  perSecond: number;
}

export interface HistoryReport {
  looks: number;
  eventsPerLook: number;
  bytesPerLook: number;
  /** At a look a minute. */
  eventsPerDay: number;
  bytesPerDay: number;
}

/** Resident memory of a process, MiB. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) / 1024;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whole rollouts one after another in every lane: request, lint, lock, serve, first look, abort, back to the champion, release. */
export async function measureLifecycles(
  client: Client,
  cells: BenchCells,
  workerPid: number,
  options: { rollouts: number; lanes: number },
): Promise<LifecycleReport> {
  const candidateId = await cells.championOf('bid');
  const before = residentMb(workerPid);
  let [started, half] = [0, NaN];
  const startedAtMs = Date.now();
  const lane = async (at: number): Promise<void> => {
    while (started < options.rollouts) {
      started += 1;
      if (started === Math.ceil(options.rollouts / 2)) half = residentMb(workerPid);
      const { handle } = await startRollout(client, cellName(at), candidateId);
      await untilServing(handle);
      await abort(handle);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: options.lanes }, (_, at) => lane(at)));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason as Error;
  const seconds = (Date.now() - startedAtMs) / 1000;
  await sleep(SETTLE_MS);
  const memoryMb = { before, half, after: residentMb(workerPid) };
  return { ...options, seconds, perSecond: options.rollouts / seconds, memoryMb };
}

/** Rollouts that serve and are looked at every second, with an hour of sums each; and what a look adds to a history. */
export async function measureLooks(
  client: Client,
  cells: BenchCells,
  options: { rollouts: number; seconds: number },
): Promise<{ looks: LookReport; history: HistoryReport }> {
  const candidateId = await cells.championOf('bid');
  const open = await Promise.all(
    Array.from({ length: options.rollouts }, (_, at) => startRollout(client, cellName(at), candidateId)),
  );
  await Promise.all(open.map(({ handle }) => untilServing(handle)));
  const ids = open.map(({ rolloutId }) => rolloutId);
  const { rowsPerRollout } = await cells.fill(ids);
  await sleep(SETTLE_MS);
  const watched = open[0]!;
  const size = async () => {
    const { historyLength, historySize } = await watched.handle.describe();
    return { events: historyLength, bytes: historySize ?? 0, looks: await cells.looksOf([watched.rolloutId]) };
  };
  const [from, looksFrom, fromMs] = [await size(), await cells.looksOf(ids), Date.now()];
  await sleep(options.seconds * 1000);
  const [to, looksTo, toMs] = [await size(), await cells.looksOf(ids), Date.now()];
  await Promise.all(open.map(({ handle }) => abort(handle)));
  const looks = to.looks - from.looks;
  const [eventsPerLook, bytesPerLook] = [(to.events - from.events) / looks, (to.bytes - from.bytes) / looks];
  const perSecond = ((looksTo - looksFrom) * 1000) / (toMs - fromMs);
  return {
    looks: { rollouts: options.rollouts, wantedPerSecond: options.rollouts, perSecond, rowsPerLook: rowsPerRollout },
    history: {
      looks,
      eventsPerLook,
      bytesPerLook,
      eventsPerDay: Math.round(eventsPerLook * LOOKS_PER_DAY),
      bytesPerDay: Math.round(bytesPerLook * LOOKS_PER_DAY),
    },
  };
}

/**
 * The runs that ticks of this hour and the next would start, on a queue that nobody polls: every tick then finds its run under way
 * and joins it, and what is counted is the tick, not a training.
 */
async function parkTrainings(client: Client): Promise<WorkflowHandle[]> {
  const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  return Promise.all(
    [hourMs, hourMs + HOUR_MS].map((cutoffMs) =>
      client.workflow.start('retrainAgents', {
        workflowId: retrainWorkflowId('demo', 'bid', 'daily', cutoffMs),
        taskQueue: 'bench-parked',
      }),
    ),
  );
}

/** Schedules that fire the thin tick every second; counted by their finished ticks. */
export async function measureSchedules(
  client: Client,
  options: { schedules: number; seconds: number },
): Promise<ScheduleReport> {
  const parked = await parkTrainings(client);
  const input = { fleet: 'demo', cell: cellName(0), agents: ['bid'], kind: 'daily', windowSeconds: 3600 };
  const handles = await Promise.all(
    Array.from({ length: options.schedules }, (_, at) =>
      client.schedule.create({
        scheduleId: `bench-${at}`,
        spec: { intervals: [{ every: '1s' }] },
        policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' },
        action: { type: 'startWorkflow', workflowType: 'retrainTick', taskQueue: CONTROL_QUEUE, args: [input] },
      }),
    ),
  );
  const done = async (): Promise<number> =>
    (await client.workflow.count(`WorkflowType = 'retrainTick' AND ExecutionStatus = 'Completed'`)).count;
  await sleep(SETTLE_MS);
  const [from, fromMs] = [await done(), Date.now()];
  await sleep(options.seconds * 1000);
  const perSecond = (((await done()) - from) * 1000) / (Date.now() - fromMs);
  if (perSecond === 0) throw new Error('no tick of any schedule has finished');
  await Promise.all(handles.map((handle) => handle.delete()));
  await Promise.all(parked.map((handle) => handle.terminate('the bench has seen enough')));
  return { schedules: options.schedules, wantedPerSecond: options.schedules, perSecond };
}

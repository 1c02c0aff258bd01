import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, ScheduleOverlapPolicy } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { ensureRetrainSchedules, scheduleId } from '../../apps/control-plane/src/temporal/retrain-schedules';
import { TrainingService, type TrainingRequest } from '../../apps/control-plane/src/training/training.service';
import { removeHomes } from '../../scripts/setup';
import { startStack, type Stack } from '../../scripts/stack';
import { bundlerOptions } from '../../workflows/bundler-options';
import { CONTROL_QUEUE, TASK_QUEUES } from '../../workflows/workflow-ids';
import { stubTraining } from '../workflow/stub-training';
import { ControlPlaneHarness } from './control-plane-harness';

const FLEET = 'demo';
const SETTINGS = { fleet: FLEET, cell: 'default', trainingWindowSeconds: 3600, fullWindowSeconds: 604_800 };
const HOUR_MS = 3_600_000;

/** Fault 22 on a real Temporal server that keeps its state on disk: fired twice, missed during an outage, overlapping. */
describe('retraining schedules', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-schedules-'));
  let stack: Stack;
  let plane: ControlPlaneHarness;
  let connection: Connection;
  let client: Client;
  let bundle: { code: string };
  const training = stubTraining({ holdsMs: 3000 });
  const asked: TrainingRequest[] = [];

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
    stack = await startStack({ home: folder, parts: ['postgres', 'temporal'] });
    plane = await ControlPlaneHarness.start({ TEMPORAL_ADDRESS: stack.urls.temporalAddress!, FLEET });
    connection = await Connection.connect({ address: stack.urls.temporalAddress! });
    client = new Client({ connection });
    bundle = await bundleWorkflowCode({ ...bundlerOptions(), logger: new DefaultLogger('ERROR') });
    await ensureRetrainSchedules(client, SETTINGS);
  }, 180_000);
  afterAll(async () => {
    await connection.close();
    await plane.stop();
    await stack.stop();
    removeHomes(folder);
  });

  /** Workers over stub learning; what a tick starts goes through the real service. */
  async function withWorkers<T>(work: () => Promise<T>): Promise<T> {
    const native = await NativeConnection.connect({ address: stack.urls.temporalAddress! });
    const activities = {
      ...training.activities,
      startTraining: (input: TrainingRequest) => {
        asked.push(input);
        return plane.app.get(TrainingService).start(input);
      },
    };
    const workers = await Promise.all(
      TASK_QUEUES.map((taskQueue) =>
        Worker.create({
          ...{ connection: native, taskQueue, activities, stickyQueueScheduleToStartTimeout: '500ms' },
          ...(taskQueue === CONTROL_QUEUE ? { workflowBundle: bundle } : {}),
        }),
      ),
    );
    const running = workers.map((worker) => worker.run());
    try {
      return await work();
    } finally {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await native.close();
    }
  }

  async function runsOf(kind: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const run of client.workflow.list({ query: `WorkflowType = 'retrainAgents'` })) {
      if (run.workflowId.startsWith(`retrain/${FLEET}/${kind}/`)) ids.push(run.workflowId);
    }
    return ids;
  }
  const until = async (isSo: () => Promise<boolean>, seconds = 60) => {
    for (let n = 0; n < seconds * 4; n += 1) {
      if (await isSo()) return;
      await sleep(250);
    }
    throw new Error('waited in vain');
  };

  test('read back: overlap Skip, catch-up of 6 hours, daily and weekly, paused and resumed by the API', async () => {
    const { body } = await plane.call<{ items: Record<string, unknown>[] }>('GET', '/api/v1/schedules');
    expect(body.items).toMatchObject([
      { name: 'retrain-daily', overlap: 'SKIP', catchUpSeconds: 21_600, windowSeconds: 3600, paused: false },
      { name: 'retrain-weekly', overlap: 'SKIP', catchUpSeconds: 21_600, windowSeconds: 604_800, paused: false },
    ]);
    const [daily, weekly] = body.items.map((item) => (item.nextAt as string[]).map((at) => Date.parse(at)));
    expect(daily![1]! - daily![0]!).toBe(24 * HOUR_MS);
    expect(new Date(daily![0]!).toISOString()).toMatch(/T03:30:00/);
    expect(weekly![1]! - weekly![0]!).toBe(168 * HOUR_MS);
    expect(new Date(weekly![0]!).getUTCDay()).toBe(0);
    const url = '/api/v1/schedules/retrain-daily/pause';
    expect((await plane.call('POST', url, { as: 'vera', body: { reason: 'x' } })).status).toBe(403);
    expect((await plane.call('POST', url.replace('daily', 'hourly'), { body: { reason: 'x' } })).status).toBe(404);
    const paused = await plane.call('POST', url, { as: 'oscar', body: { reason: 'prices are wrong' } });
    expect(paused).toMatchObject({ status: 200, body: { paused: true, note: 'paused by oscar: prices are wrong' } });
    // A worker that starts again takes its window from the release and leaves the pause to the operators.
    await ensureRetrainSchedules(client, { ...SETTINGS, trainingWindowSeconds: 7200 });
    const again = await plane.call<{ items: Record<string, unknown>[] }>('GET', '/api/v1/schedules');
    expect(again.body.items[0]).toMatchObject({ paused: true, windowSeconds: 7200, overlap: 'SKIP' });
    const resumed = await plane.call('POST', url.replace('pause', 'resume'), {
      as: 'mila',
      body: { reason: 'healed' },
    });
    expect(resumed.body).toMatchObject({ paused: false, note: 'resumed by mila: healed' });
  });

  test('fired twice at once, and again while its run still trains, it starts one run of both agents', async () => {
    await withWorkers(async () => {
      const daily = client.schedule.getHandle(scheduleId('retrain-daily', FLEET));
      await daily.trigger(ScheduleOverlapPolicy.ALLOW_ALL);
      // Schedules name a firing by its second: two of one second would be one.
      await sleep(1100);
      await daily.trigger(ScheduleOverlapPolicy.ALLOW_ALL);
      await until(async () => asked.length >= 2 && (await runsOf('daily')).length > 0);
      await sleep(1100);
      await daily.trigger(ScheduleOverlapPolicy.SKIP);
      await until(async () => asked.length >= 3);
      const [run, ...others] = await runsOf('daily');
      expect(others).toEqual([]);
      const view = (await client.workflow.getHandle(run!).result()) as { agent: string; step: string };
      expect(view).toMatchObject({
        agent: 'several',
        step: 'finished',
        parts: [{ agent: 'bid' }, { agent: 'budget' }],
      });
      expect(asked.every((input) => input.joinsRunning && input.agents?.length === 2)).toBe(true);
    });
  });

  test('a run of an earlier hour that still trains is joined, not doubled', async () => {
    await withWorkers(async () => {
      const service = plane.app.get(TrainingService);
      const request: TrainingRequest = {
        ...{ fleet: FLEET, cell: 'default', agent: 'bid', agents: ['bid', 'budget'], kind: 'full', windowSeconds: 600 },
        ...{ cutoffMs: 1_800_000_000_000, requestedBy: { name: 'schedule', role: 'system' }, joinsRunning: true },
      };
      const first = await service.start(request);
      expect(await service.start({ ...request, cutoffMs: request.cutoffMs + HOUR_MS })).toEqual(first);
      expect(first.workflowId).toBe(`retrain/${FLEET}/full/1800000000000`);
      await client.workflow.getHandle(first.workflowId).result();
      await expect(service.start(request)).rejects.toMatchObject({ code: 'already-exists' });
      expect(await runsOf('full')).toHaveLength(1);
    });
  });

  test('firings missed while the server was dead are caught up within the window as one run; older ones are dropped', async () => {
    const handle = await client.schedule.create({
      scheduleId: 'retrain-often/demo',
      spec: { intervals: [{ every: '2s' }] },
      action: {
        ...{ type: 'startWorkflow' as const, workflowType: 'retrainTick', taskQueue: CONTROL_QUEUE },
        workflowId: 'retrain-often',
        args: [{ fleet: 'often', cell: 'default', agents: ['bid'], kind: 'daily', windowSeconds: 600 }],
      },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '10s' },
    });
    await sleep(3000);
    await stack.killPart('temporal');
    await sleep(30_000);
    await stack.start('temporal');
    const before = asked.length;
    await withWorkers(async () => {
      await until(async () => asked.length > before + 1);
      await handle.pause('enough');
      await until(async () => {
        const runs: string[] = [];
        for await (const run of client.workflow.list({ query: `WorkflowType = 'retrainAgents'` })) {
          if (run.workflowId.startsWith('retrain/often/')) runs.push(run.workflowId);
        }
        expect(runs.length).toBeLessThanOrEqual(1);
        return runs.length === 1;
      });
      const { info } = await handle.describe();
      expect(info.numActionsMissedCatchupWindow).toBeGreaterThan(0);
    });
  }, 180_000);
});

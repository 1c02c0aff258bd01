import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { DataSource } from 'typeorm';
import type { EdgeEvent } from '#domain/contracts/segment';
import { sampleEvents } from '#domain/lake/sample-events';
import { migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import { TemporalClient } from '../../apps/control-plane/src/temporal/temporal-client';
import type { RetrainAgentsInput, TrainingView } from '../../workflows/messages';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { TrainingWorker } from '../fixtures/training-worker';
import { draws, inParts, segmentOf } from './open-lake';
import { mia, RolloutWorld } from './rollout-world';

// Fault 20 in retraining outside the training itself (test/e2e/training-kill.test.ts): worker processes are killed with -9 while one
// freezes a window, one fits the budget and one judges held-out bids. A lock on the table of windows stops each in its middle.

const START_MS = Math.floor((Date.now() - 600_000) / 1000) * 1000;
const REQUESTS = 6000;
const REQUESTS_PER_SECOND = 40;
const HEARTBEAT_TIMEOUT = 4;

interface Manifest {
  modelVersionId: string;
  agent: string;
  workflowId: string;
}

describe('a retraining whose worker is killed with -9', () => {
  let world: RolloutWorld;
  /** Of the tables' owner: the application may not lock them. */
  let owner: DataSource;
  const workers: TrainingWorker[] = [];

  beforeAll(async () => {
    world = await RolloutWorld.start(['edge-1']);
    owner = await migrationDataSource(world.plane.config.databaseUrl).initialize();
    await shipEvents();
    await world.startWorker({}, undefined, {}, [CONTROL_QUEUE]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    await owner.destroy();
    await world.stop();
  });

  async function shipEvents(): Promise<void> {
    const all = [
      ...sampleEvents({ startMs: START_MS, requestsPerSecond: REQUESTS_PER_SECOND, rng: draws(3) }, REQUESTS),
    ];
    const events = all.flatMap(({ decision, outcomes }): EdgeEvent[] => [decision, ...outcomes]);
    for (const [at, part] of inParts(events, 4000).entries()) {
      const { bytes, sha256 } = segmentOf(part);
      const headers = { 'content-type': 'application/octet-stream', 'x-content-sha256': sha256 };
      const url = `/edge/v1/segments/edge-1/s-${at}`;
      expect((await world.plane.call('PUT', url, { as: 'edge', body: bytes, headers })).status).toBeLessThan(300);
    }
  }

  /** A run of both agents on all bids; and one of the Budget agent on the first minute, whose window is another. */
  const both = { agents: ['bid', 'budget'] as RetrainAgentsInput['agents'], agent: 'bid' as const, seconds: 150 };
  const one = { agents: undefined, agent: 'budget' as const, seconds: 60 };

  const start = (workflowId: string, { agent, agents, seconds }: typeof both | typeof one) => {
    const input: RetrainAgentsInput = {
      ...{ fleet: 'demo', cell: 'default', agent, agents, kind: 'manual', seed: 7, requestedBy: mia },
      ...{ cutoffMs: START_MS + seconds * 1000, windowSeconds: seconds, hyper: { epochs: 3, patience: 3 } },
    };
    const { client } = world.plane.app.get(TemporalClient);
    return client.workflow.start('retrainAgents', { workflowId, taskQueue: CONTROL_QUEUE, args: [input] });
  };

  async function startWorker(hold: readonly string[] = []): Promise<TrainingWorker> {
    const worker = await TrainingWorker.start(world.plane.config, hold);
    workers.push(worker);
    return worker;
  }

  async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
    for (let tries = 0; !(await isSo()); tries += 1) {
      if (tries === 600) throw new Error(`${what} was waited for in vain`);
      await sleep(100);
    }
  }

  const waitingForLock = async () => {
    const rows = await owner.query<{ query: string }[]>(
      `SELECT query FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE relation = 'training_window'::regclass AND NOT granted ORDER BY query`,
    );
    return rows.map(({ query }) => query.trim().split(' ')[0]);
  };

  const manifests = () =>
    owner.query<Manifest[]>(
      `SELECT model_version_id AS "modelVersionId", agent, manifest->>'workflowId' AS "workflowId" FROM model_version
       WHERE created_by = $1 ORDER BY 1`,
      [mia.name],
    );
  const files = (...folder: string[]) => readdirSync(join(world.plane.config.adloopHome, ...folder)).sort();

  /** Attempt in which an activity of the run succeeded, and why the attempt before it ended. */
  async function attemptOf(handle: WorkflowHandle, activity: string) {
    const { events } = await handle.fetchHistory();
    const scheduled = events!.find(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === activity,
    );
    const started = events!
      .map((event) => event.activityTaskStartedEventAttributes)
      .find((attributes) => attributes?.scheduledEventId?.toString() === scheduled?.eventId?.toString());
    return { attempt: started!.attempt, after: started!.lastFailure?.timeoutFailureInfo?.timeoutType };
  }

  test('while it freezes, fits and judges ends in the candidates of an undisturbed one, each registered once', async () => {
    const calls = ['freezeWindow retrain/one', 'gateHeldOut retrain/both', 'fitBudgetPolicy retrain/both'];
    // One activity at a time per process and queue: two processes freeze and judge at once.
    const killed = await Promise.all([startWorker(calls), startWorker(calls)]);
    const held = () => killed.flatMap((worker) => [...worker.held]);
    const ofBoth = await start('retrain/both', both);
    await until('gate and fit', () => held().length === 2);
    const ofOne = await start('retrain/one', one);
    await until('freezing', () => held().length === 3);
    expect(held().sort()).toEqual([...calls].sort());

    const lock = owner.createQueryRunner();
    await lock.startTransaction();
    await lock.query('LOCK TABLE training_window IN ACCESS EXCLUSIVE MODE');
    for (const worker of killed) worker.release();
    await until('the lock', async () => (await waitingForLock()).length === 3);
    expect(await waitingForLock()).toEqual(['INSERT', 'SELECT', 'SELECT']);
    await Promise.all(killed.map((worker) => worker.kill()));
    await lock.rollbackTransaction();
    await lock.release();
    expect(await manifests()).toEqual([]);

    await startWorker();
    const ends = (await Promise.all([ofBoth.result(), ofOne.result()])) as TrainingView[];
    expect(ends).toMatchObject([
      { step: 'finished', passed: true },
      { step: 'finished', passed: true },
    ]);
    for (const [handle, activity] of [
      [ofOne, 'freezeWindow'],
      [ofBoth, 'gateHeldOut'],
      [ofBoth, 'fitBudgetPolicy'],
    ] as const)
      expect({ activity, ...(await attemptOf(handle, activity)) }).toEqual({
        ...{ activity, attempt: 2, after: HEARTBEAT_TIMEOUT },
      });
    const registered = await manifests();
    expect(registered).toMatchObject([
      { agent: 'bid', workflowId: 'retrain/both' },
      { agent: 'budget' },
      { agent: 'budget' },
    ]);
    const windows = files('lake', 'windows');
    expect(windows).toHaveLength(2);
    const artifacts = files('artifacts');

    // The same trainings again, in peace: the same digests, and nothing to register.
    const calm = await Promise.all([start('retrain/calm-both', both), start('retrain/calm-one', one)]);
    const calmEnds = (await Promise.all(calm.map((handle) => handle.result()))) as TrainingView[];
    const said = (views: TrainingView[]) =>
      views.map(({ windowId, candidateId, parts }) => [windowId, candidateId, parts?.map((part) => part.candidateId)]);
    expect(said(ends)).toEqual(said(calmEnds));
    expect(await manifests()).toEqual(registered);
    expect(files('artifacts')).toEqual(artifacts);
    expect(files('lake', 'windows')).toEqual(windows);
  });
});

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import { registerSearchAttributes } from '../../apps/control-plane/src/temporal/search-attribute-registration';
import { DEPLOYMENT, installRuntime, versionOf } from '../../apps/control-plane/src/temporal/worker-host';
import { bundlerOptions } from '../../workflows/bundler-options';
import type { MetaView } from '../../workflows/messages';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { temporalAddress } from '../servers';
import { stubMeta } from '../workflow/stub-meta';

// Fault 21: two workers, one with the workflows of before a change and one with those of after, on one queue. The change is the
// meta-agent's: before `meta-governance` a tick reads less and does less. Whoever takes over from
// another worker replays the history first.

const PATCH = 'meta-governance';
/** Bounded: the bundle ends with a source map that is one word of a million letters. */
const CALL = new RegExp(`\\(0, ?[\\w$]{1,60}\\.patched\\)\\(['"]${PATCH}['"]\\)`, 'g');
const NON_DETERMINISTIC = 'Nondeterminism error';

interface Code {
  code: string;
}

/** The bundle as if the patch had never been asked about. */
function without(bundle: Code, answer: boolean): Code {
  const calls = bundle.code.match(CALL) ?? [];
  if (calls.length !== 1) throw new Error(`the bundle asks ${calls.length} times about ${PATCH}`);
  return { code: bundle.code.replace(CALL, String(answer)) };
}

describe('old and new workers on one queue', () => {
  let connection: Connection;
  let native: NativeConnection;
  /** After the change; before it; and after it by somebody who forgot `patched()`. */
  let bundles: { current: Code; old: Code; careless: Code };
  const running: { worker: Worker; run: Promise<void> }[] = [];

  beforeAll(async () => {
    installRuntime(null);
    connection = await Connection.connect({ address: temporalAddress() });
    native = await NativeConnection.connect({ address: temporalAddress() });
    const current = await bundleWorkflowCode({ ...bundlerOptions(), logger: new DefaultLogger('ERROR') });
    bundles = { current, old: without(current, false), careless: without(current, true) };
  }, 60_000);
  afterEach(stopWorkers);
  afterAll(async () => {
    await native.close();
    await connection.close();
  });

  async function stopOldest(): Promise<void> {
    const first = running.shift();
    first?.worker.shutdown();
    await first?.run;
  }

  async function stopWorkers(): Promise<void> {
    while (running.length > 0) await stopOldest();
  }

  /** A namespace of its own: what is current holds for a namespace. */
  async function freshNamespace(): Promise<Client> {
    const namespace = `upgrade-${randomBytes(4).toString('hex')}`;
    const workflowExecutionRetentionPeriod = msToTs('1 day');
    await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod });
    await eventually(() => registerSearchAttributes(connection, namespace));
    return new Client({ connection, namespace });
  }

  async function startWorker(client: Client, buildId: string, workflowBundle: Code, versioned: boolean): Promise<void> {
    const worker = await Worker.create({
      ...{ connection: native, namespace: client.options.namespace, taskQueue: CONTROL_QUEUE, workflowBundle },
      ...{ activities: stubMeta().activities, stickyQueueScheduleToStartTimeout: '500ms' },
      ...versionOf(buildId, versioned ? 'auto-upgrade' : 'off'),
    });
    running.push({ worker, run: worker.run() });
  }

  const makeCurrent = (client: Client, buildId: string) =>
    eventually(() =>
      connection.workflowService.setWorkerDeploymentCurrentVersion({
        ...{ namespace: client.options.namespace, deploymentName: DEPLOYMENT, buildId, identity: 'test' },
      }),
    );

  const startMeta = (client: Client): Promise<WorkflowHandle> =>
    client.workflow.start('metaAgent', {
      ...{ workflowId: `meta/${randomBytes(4).toString('hex')}`, taskQueue: CONTROL_QUEUE },
      args: [{ fleet: 'demo', cell: 'default', tickSeconds: 1, windowSeconds: 600 }],
    });

  test('a run that the old code began is moved on by both, in turn: no task fails, and the new code does as the old did', async () => {
    const client = await freshNamespace();
    await startWorker(client, 'old', bundles.old, false);
    const handle = await startMeta(client);
    await ticks(handle, 2);
    await startWorker(client, 'new', bundles.current, false);
    await stopOldest();
    await moved(handle, ['old', 'new'], 2);
    await startWorker(client, 'old-again', bundles.old, false);
    await stopOldest();
    await moved(handle, ['old', 'new', 'old-again'], 2);
    expect(await failures(handle)).toEqual([]);
    expect((await handle.query<MetaView>('state')).autonomy).toBeUndefined();
  }, 90_000);

  test('planted: without patched() the new code cannot take over such a run', async () => {
    const client = await freshNamespace();
    await startWorker(client, 'old', bundles.old, false);
    const handle = await startMeta(client);
    await ticks(handle, 2);
    await stopWorkers();
    await startWorker(client, 'careless', bundles.careless, false);
    await eventually(async () => expect(await failures(handle)).not.toEqual([]));
    for (const failure of await failures(handle)) expect(failure).toContain(NON_DETERMINISTIC);
    await stopWorkers();
    // The run is not lost: the right code takes it up.
    await startWorker(client, 'new', bundles.current, false);
    const before = await countTasks(handle);
    await eventually(async () => expect(await countTasks(handle)).toBeGreaterThan(before + 2));
  }, 90_000);

  test('routed by version: only the current build moves workflows, old runs move over, and no task fails', async () => {
    const client = await freshNamespace();
    await startWorker(client, 'v1', bundles.old, true);
    await makeCurrent(client, 'v1');
    const begun = await startMeta(client);
    await ticks(begun, 2);
    await startWorker(client, 'v2', bundles.current, true);
    await makeCurrent(client, 'v2');
    await moved(begun, ['v1', 'v2'], 3);
    const fresh = await startMeta(client);
    await ticks(fresh, 4);
    expect(await buildsOf(fresh)).toEqual(['v2']);
    // The old worker still polls, and gets nothing that it could not replay.
    for (const handle of [begun, fresh]) expect(await failures(handle)).toEqual([]);
    const builds = await buildsInOrder(begun);
    expect(builds.slice(builds.indexOf('v2'))).not.toContain('v1');
    expect((await begun.query<MetaView>('state')).autonomy).toBeUndefined();
    expect((await fresh.query<MetaView>('state')).autonomy).toBeDefined();
  }, 90_000);

  test('planted: not routed, a run of the new code meets an old worker, whose task fails; the new one takes it up again', async () => {
    const client = await freshNamespace();
    await startWorker(client, 'new', bundles.current, false);
    const handle = await startMeta(client);
    await ticks(handle, 2);
    await startWorker(client, 'old', bundles.old, false);
    await stopOldest();
    await eventually(async () => expect(await failures(handle)).not.toEqual([]));
    expect((await failures(handle))[0]).toContain(NON_DETERMINISTIC);
    await startWorker(client, 'new', bundles.current, false);
    await stopOldest();
    const before = await countTasks(handle);
    await eventually(async () => expect(await countTasks(handle)).toBeGreaterThan(before + 1), 400);
    expect((await handle.describe()).status.name).toBe('RUNNING');
  }, 120_000);
});

async function tasksOf(handle: WorkflowHandle) {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => event.workflowTaskCompletedEventAttributes ?? []);
}

const buildOf = (task: Awaited<ReturnType<typeof tasksOf>>[number]): string =>
  task.deploymentVersion?.buildId ?? task.workerVersion?.buildId ?? '';

const buildsInOrder = async (handle: WorkflowHandle) => (await tasksOf(handle)).map(buildOf);
const buildsOf = async (handle: WorkflowHandle) => [...new Set(await buildsInOrder(handle))].sort();
const countTasks = async (handle: WorkflowHandle) => (await tasksOf(handle)).length;

/** Messages of the workflow tasks that failed. */
async function failures(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
    failed == null ? [] : [`${failed.cause ?? ''} ${failed.failure?.message ?? ''}`],
  );
}

/** Waits until the history has that many timers that fired. */
const ticks = (handle: WorkflowHandle, atLeast: number) =>
  eventually(async () => {
    const { events } = await handle.fetchHistory();
    const fired = (events ?? []).filter((event) => event.timerFiredEventAttributes != null);
    expect(fired.length).toBeGreaterThanOrEqual(atLeast);
  });

/** Waits until each of the builds has completed a task, the last of them `atLeast`. */
const moved = (handle: WorkflowHandle, builds: string[], atLeast: number) =>
  eventually(async () => {
    const all = await buildsInOrder(handle);
    expect([...new Set(all)].sort()).toEqual([...builds].sort());
    expect(all.filter((build) => build === builds.at(-1)).length).toBeGreaterThanOrEqual(atLeast);
  }, 400);

async function eventually(work: () => Promise<unknown>, tries = 200): Promise<void> {
  for (let n = 1; ; n += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (n >= tries) throw error;
      await sleep(100);
    }
  }
}

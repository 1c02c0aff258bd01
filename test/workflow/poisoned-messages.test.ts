import { randomBytes } from 'node:crypto';
import { WorkflowFailedError, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import type { RolloutView } from '../../workflows/messages';
import { bundlerOptions } from '../../workflows/bundler-options';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { shortPlan, stubRollout } from './stub-rollout';
import { WorkflowEnvironment } from './workflow-environment';

// Fault 23: what does not parse, or does not fit its contract, is refused with a code; the workflow that was sent it goes on.

const mia = { name: 'mia', role: 'ml-lead' };
const alice = { name: 'alice', role: 'release-manager' };
const { stages } = shortPlan();
/** Waits for an approval after its shadow. */
const plan = shortPlan({ stages: [{ ...stages[0]!, approval: true }, stages[1]!] });
const inputOf = (rolloutId: string) => ({
  ...{ rolloutId, fleet: 'demo', cell: 'default', agent: 'bid', candidateId: 'bid-candidate', plan, requestedBy: mia },
});
const ROLLOUT_UPDATES = ['approve', 'promoteFully', 'reject', 'pause', 'resume', 'abort', 'rollBack'];
/** Bytes that say they are JSON and are not, and bytes of an encoding that nobody knows. */
const UNREADABLE = ['json/plain', 'binary/unheard-of'].map((encoding) => ({
  metadata: { encoding: Buffer.from(encoding) },
  data: Buffer.from('{"by": {"name": '),
}));

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());

const service = () => environment.env.connection.workflowService;
const signalRaw = (workflowId: string, signalName: string, payload: (typeof UNREADABLE)[number]) =>
  service().signalWorkflowExecution({
    ...{ namespace: 'default', workflowExecution: { workflowId }, signalName, input: { payloads: [payload] } },
    requestId: randomBytes(8).toString('hex'),
  });

async function until(handle: WorkflowHandle, wanted: (view: RolloutView) => boolean): Promise<RolloutView> {
  for (let tries = 0; tries < 400; tries += 1) {
    const view = await handle.query<RolloutView>('state').catch(() => null);
    if (view !== null && wanted(view)) return view;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('never reached');
}

async function failedTasks(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).filter((event) => event.workflowTaskFailedEventAttributes != null).length;
}

const start = (workflowType: string, workflowId: string, args: unknown[], taskQueue = CONTROL_QUEUE) =>
  environment.env.client.workflow.start(workflowType, { workflowId, taskQueue, args });

describe('poisoned messages', () => {
  test('a rollout refuses garbage by updates, leaves out garbage by signals, and is promoted all the same', async () => {
    const stub = stubRollout({ verdictOf: () => 'non-inferior' });
    await environment.with(stub.activities, async () => {
      const handle = await start('rollOutPolicy', 'rollout/poisoned', [inputOf('rol_p')]);
      await until(handle, (view) => view.state === 'awaiting-approval');
      const command = { by: alice, reason: 'because' };
      const garbage: [string, unknown[]][] = [
        ...ROLLOUT_UPDATES.flatMap((name): [string, unknown[]][] => [
          [name, []],
          [name, [null]],
          [name, ['approve!']],
          [name, [{}]],
          [name, [{ ...command, by: { name: 'eve' } }]],
          [name, [{ ...command, reason: 'x'.repeat(1001) }]],
        ]),
        ['approve', [{ ...command, approvalId: 'apr_1', evidenceDigest: 'd', expiresAtMs: 'tomorrow' }]],
      ];
      for (const [name, args] of garbage) {
        const refused = await handle.executeUpdate(name, { args } as never).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(WorkflowUpdateFailedError);
        const { cause } = refused as WorkflowUpdateFailedError;
        expect(`${name} ${(cause as ApplicationFailure).type}`).toBe(`${name} INVALID_MESSAGE`);
        expect((cause as ApplicationFailure).message).toMatch(new RegExp(`^${name}: .* must be `));
      }
      for (const signal of ['rollBackRequested', 'supersede']) {
        for (const args of [[], [null], [7], [{ by: {} }]]) await handle.signal(signal, ...(args as []));
        for (const payload of UNREADABLE) await signalRaw('rollout/poisoned', signal, payload);
      }
      const view = await until(handle, ({ state }) => state === 'awaiting-approval');
      await handle.executeUpdate('approve', {
        args: [
          { ...command, approvalId: 'apr_1', evidenceDigest: view.evidenceDigest, expiresAtMs: Date.now() + 1e12 },
        ],
      } as never);
      expect(await handle.result()).toMatchObject({ state: 'promoted' });
      expect(await failedTasks(handle)).toBe(0);
    });
  });

  test.each([
    ['rollOutPolicy', [{ ...inputOf('rol_x'), plan: { stages: 'all of them' } }], /\/plan\/stages must be a list/],
    ['rollOutPolicy', [], /must be an object/],
    ['validateInShadow', [null], /must be an object/],
    ['runExperiment', [{ experimentId: 'e' }], /\/fleet must be text/],
    ['rollBackTo', [{ fleet: 'demo', cell: 'default', agent: 'horse' }], /\/agent must be one of/],
    ['retrainAgents', ['daily'], /must be an object/],
    ['retrainTick', [{ fleet: 'demo', cell: 'default', agents: [] }], /\/agents must be a list/],
    ['metaAgent', [{ fleet: 'demo', cell: 'default', tickSeconds: Number.NaN }], /\/tickSeconds must be a number/],
  ])('%s started with garbage fails at once with its reason', async (workflowType, args, reason) => {
    await environment.with(stubRollout().activities, async () => {
      const handle = await start(workflowType, `garbage/${randomBytes(4).toString('hex')}`, args);
      const failed = await handle.result().catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(WorkflowFailedError);
      const { cause } = failed as WorkflowFailedError;
      expect(cause).toMatchObject({ type: 'INVALID_INPUT', nonRetryable: true });
      expect((cause as Error).message).toMatch(reason);
      expect(await failedTasks(handle)).toBe(0);
    });
  });

  test('bytes that cannot be read: a start fails, an update is refused', async () => {
    await environment.with(stubRollout({ verdictOf: () => 'continue' }).activities, async () => {
      for (const [n, payload] of UNREADABLE.entries()) {
        const workflowId = `unreadable/${n}`;
        await service().startWorkflowExecution({
          ...{ namespace: 'default', workflowId, requestId: workflowId, input: { payloads: [payload] } },
          ...{ workflowType: { name: 'retrainTick' }, taskQueue: { name: CONTROL_QUEUE } },
        });
        const handle = environment.env.client.workflow.getHandle(workflowId);
        const failed = await handle.result().catch((error: unknown) => error);
        expect((failed as WorkflowFailedError).cause).toMatchObject({
          type: 'INVALID_INPUT',
          message: 'retrainTick: the payload cannot be read',
        });
        expect(await failedTasks(handle)).toBe(0);
      }
      const handle = await start('rollOutPolicy', 'rollout/unreadable', [inputOf('rol_u')]);
      await until(handle, (view) => view.state === 'awaiting-approval');
      const { outcome } = await service().updateWorkflowExecution({
        namespace: 'default',
        workflowExecution: { workflowId: 'rollout/unreadable' },
        waitPolicy: { lifecycleStage: 3 },
        request: { meta: { updateId: 'u1' }, input: { name: 'abort', args: { payloads: [UNREADABLE[0]!] } } },
      });
      expect(outcome?.failure).toMatchObject({
        message: 'abort: the payload cannot be read',
        applicationFailureInfo: { type: 'INVALID_MESSAGE' },
      });
      await handle.executeUpdate('abort', { args: [{ by: alice, reason: 'enough' }] } as never);
      expect(await handle.result()).toMatchObject({ state: 'aborted' });
    });
  });

  test('without the guard the same start makes the workflow task fail again and again', async () => {
    const { workflowsPath, webpackConfigHook } = bundlerOptions();
    const unguarded = await bundleWorkflowCode({
      workflowsPath,
      webpackConfigHook,
      logger: new DefaultLogger('ERROR'),
    });
    const worker = await Worker.create({
      ...{ connection: environment.env.nativeConnection, taskQueue: 'unguarded', workflowBundle: unguarded },
      ...{ activities: stubRollout().activities, stickyQueueScheduleToStartTimeout: '1s' },
    });
    const running = worker.run();
    try {
      const handle = await start('metaAgent', 'unguarded', [null], 'unguarded');
      for (let tries = 0; tries < 200 && (await failedTasks(handle)) === 0; tries += 1)
        await new Promise((resolve) => setTimeout(resolve, 25));
      expect(await failedTasks(handle)).toBeGreaterThan(0);
      expect((await handle.describe()).status.name).toBe('RUNNING');
      await handle.terminate('shown');
    } finally {
      worker.shutdown();
      await running;
    }
  });
});

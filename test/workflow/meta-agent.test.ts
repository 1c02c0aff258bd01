import type { WorkflowHandle } from '@temporalio/client';
import type { MetaAgentInput, MetaView, RetrainTickInput, RollBackToInput, SafeReport } from '../../workflows/messages';
import { CONTROL_QUEUE, metaWorkflowId, rollBackWorkflowId } from '../../workflows/workflow-ids';
import { stubMeta } from './stub-meta';
import { WorkflowEnvironment } from './workflow-environment';

let environment: WorkflowEnvironment;
let n = 0;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());

async function meta(
  stub: ReturnType<typeof stubMeta>,
  during: (handle: WorkflowHandle) => Promise<void>,
  change: Partial<MetaAgentInput> = {},
) {
  const input: MetaAgentInput = {
    fleet: `f${(n += 1)}`,
    cell: 'default',
    tickSeconds: 30,
    windowSeconds: 600,
    ...change,
  };
  await environment.with(stub.activities, async () => {
    const handle = await environment.env.client.workflow.start('metaAgent', {
      workflowId: metaWorkflowId(input.fleet),
      taskQueue: CONTROL_QUEUE,
      args: [input],
    });
    try {
      await during(handle);
    } finally {
      await handle.terminate('test over');
    }
  });
}

const state = (handle: WorkflowHandle) => handle.query<MetaView>('state');
const send = (handle: WorkflowHandle, name: string, body: object = {}, by = { name: 'oscar', role: 'on-call' }) =>
  handle.executeUpdate<MetaView, [object]>(name, { args: [{ by, reason: `${name} by test`, ...body }] });

describe('metaAgent', () => {
  test('quarantines a failing agent seen in two ticks, once, with an intent', async () => {
    const stub = stubMeta(() => 3000);
    await meta(stub, async (handle) => {
      await environment.env.sleep('2 minutes');
      expect((await state(handle)).quarantined).toEqual(['bid']);
    });
    expect(stub.serving).toEqual([{ quarantined: ['bid'], bidding: 'running' }]);
    expect(stub.intents).toMatchObject([
      { kind: 'agent.quarantined', subject: 'bid', publisher: 'meta' },
      { kind: 'autonomy.changed', subject: 'bid', action: { from: 'L2', to: 'L1' } },
    ]);
  });

  test('a stop acts at once, also while paused; lifting it needs a second person', async () => {
    const stub = stubMeta();
    await meta(stub, async (handle) => {
      await send(handle, 'pause');
      expect(await send(handle, 'stopBidding')).toMatchObject({ bidding: 'stopped', stoppedBy: 'oscar', paused: true });
      await expect(send(handle, 'resumeBidding')).rejects.toMatchObject({ cause: { type: 'FOUR_EYES' } });
      await expect(send(handle, 'stopBidding', {}, { name: 'v', role: 'viewer' })).rejects.toMatchObject({
        cause: { type: 'ROLE_NOT_ALLOWED' },
      });
      const lifted = await send(handle, 'resumeBidding', {}, { name: 'alice', role: 'release-manager' });
      expect(lifted).toMatchObject({ bidding: 'running', stoppedBy: null });
    });
    expect(stub.serving.map((control) => control.bidding)).toEqual(['stopped', 'running']);
    expect(stub.intents.map((intent) => intent.kind)).toEqual(['bidding.stopped', 'bidding.resumed']);
    expect(stub.ticks()).toBe(0);
  });

  test('an agent killed by hand is quarantined until somebody else revives it; retrainNow starts a run', async () => {
    const stub = stubMeta();
    await meta(stub, async (handle) => {
      await send(handle, 'killAgent', { agent: 'creative' });
      await expect(send(handle, 'reviveAgent', { agent: 'creative' })).rejects.toMatchObject({
        cause: { type: 'FOUR_EYES' },
      });
      const revived = await send(
        handle,
        'reviveAgent',
        { agent: 'creative' },
        { name: 'bob', role: 'release-manager' },
      );
      expect(revived.quarantined).toEqual([]);
      await send(handle, 'retrainNow', { agent: 'bid', windowSeconds: 600 }, { name: 'mia', role: 'ml-lead' });
    });
    expect(stub.trainings).toMatchObject([{ agent: 'bid', kind: 'manual', requestedBy: { name: 'mia' } }]);
  });

  test('continues as new with its state and keys that never repeat', async () => {
    const stub = stubMeta();
    await meta(
      stub,
      async (handle) => {
        await send(handle, 'killAgent', { agent: 'bid' });
        const first = (await handle.describe()).runId;
        await environment.env.sleep('5 minutes');
        expect((await handle.describe()).runId).not.toBe(first);
        const later = await state(handle);
        expect(later.quarantined).toEqual(['bid']);
        expect(later.ticks).toBeGreaterThan(3);
        await send(handle, 'stopBidding');
      },
      { ticksPerRun: 3 },
    );
    const keys = stub.intents.map((intent) => intent.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

test('retrainTick starts one run of all its agents with the hour as cutoff', async () => {
  const stub = stubMeta();
  const input: RetrainTickInput = {
    fleet: 'demo',
    cell: 'default',
    agents: ['bid', 'budget'],
    kind: 'daily',
    windowSeconds: 86_400,
  };
  const result = await environment.with(stub.activities, () =>
    environment.env.client.workflow.execute('retrainTick', {
      workflowId: 'tick',
      taskQueue: CONTROL_QUEUE,
      args: [input],
    }),
  );
  expect(result).toEqual({ started: ['retrain/bid'] });
  expect(stub.trainings).toMatchObject([{ agent: 'bid', agents: ['bid', 'budget'], joinsRunning: true }]);
  expect(stub.trainings.map((training) => training.cutoffMs % 3_600_000)).toEqual([0]);
});

test('rollBackTo ends with the stragglers by name after a minute', async () => {
  const stub = stubMeta();
  const input: RollBackToInput = {
    fleet: 'demo',
    cell: 'default',
    agent: 'bid',
    targetId: null,
    requestedBy: { name: 'oscar', role: 'on-call' },
    reason: 'drill',
    verdictAtMs: 0,
  };
  stub.activities.awaitAcknowledgement = async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return { acknowledged: ['edge-1'], stragglers: ['edge-2'], atMs: 61_000 };
  };
  const report: SafeReport = await environment.with(stub.activities, () =>
    environment.env.client.workflow.execute('rollBackTo', {
      workflowId: rollBackWorkflowId('demo', 1),
      taskQueue: CONTROL_QUEUE,
      args: [input],
    }),
  );
  expect(report).toMatchObject({
    targetId: 'bid-old',
    acknowledged: ['edge-1'],
    stragglers: ['edge-2'],
    timeToSafeMs: 61_000,
  });
  expect(stub.intents).toMatchObject([{ kind: 'rollback.requested', publisher: 'operator' }]);
});

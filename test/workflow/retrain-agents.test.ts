import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { RunProgress } from '../../activities/training-ports';
import type { RetrainAgentsInput, TrainingView } from '../../workflows/messages';
import { CONTROL_QUEUE, retrainWorkflowId, rolloutWorkflowId } from '../../workflows/workflow-ids';
import { shortPlan, stubRollout } from './stub-rollout';
import { stubTraining, type TrainingStubOptions } from './stub-training';
import { WorkflowEnvironment } from './workflow-environment';

let environment: WorkflowEnvironment;
let n = 0;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());

const inputOf = (change: Partial<RetrainAgentsInput> = {}): RetrainAgentsInput => ({
  fleet: 'demo',
  cell: 'default',
  agent: 'bid',
  kind: 'manual',
  cutoffMs: (n += 1),
  windowSeconds: 600,
  seed: 7,
  requestedBy: { name: 'mia', role: 'ml-lead' },
  ...change,
});

async function retrain(
  options: TrainingStubOptions,
  change: Partial<RetrainAgentsInput> = {},
  during: (handle: WorkflowHandle, stub: ReturnType<typeof stubTraining>) => Promise<void> = async () => undefined,
) {
  const stub = stubTraining(options);
  const rollout = stubRollout();
  const input = inputOf(change);
  const workflowId = retrainWorkflowId(input.fleet, input.agent, input.kind, input.cutoffMs);
  const outcome = await environment.with({ ...rollout.activities, ...stub.activities }, async () => {
    const handle = await environment.env.client.workflow.start('retrainAgents', {
      workflowId,
      taskQueue: CONTROL_QUEUE,
      args: [input],
    });
    await during(handle, stub);
    return handle.result().then(
      (view) => ({ view: view as TrainingView, failure: null }),
      (error: unknown) => ({ view: null, failure: error }),
    );
  });
  return { ...outcome, ...stub, rollout, workflowId };
}

describe('retrainAgents', () => {
  test('trains, checks, gates and registers a candidate', async () => {
    const { view, log, rows, intents } = await retrain({});
    expect(view).toMatchObject({ step: 'finished', passed: true, candidateId: 'bid-new', rows: 5000, rolloutId: null });
    expect(view!.gates.map((gate) => gate.gate)).toEqual(['parity', 'held-out-likelihood', 'ope', 'simulator']);
    expect(log).toEqual(['freeze', 'train', 'register with 4 gates']);
    expect(rows.map((row) => row.step)).toEqual([
      'freezing-window',
      'validating-data',
      'training',
      'checking-parity',
      'gate-held-out',
      'gate-ope',
      'gate-simulator',
      'registering',
      'finished',
    ]);
    expect(intents).toMatchObject([{ kind: 'training.finished' }]);
  });

  test.each(['ONE_CLASS', 'EMPTY_WINDOW', 'NAN_LOSS'])(
    '%s fails the run with that code and registers nothing',
    async (code) => {
      const { failure, log, rows, intents } = await retrain({ dataFault: code });
      expect(failure).toBeInstanceOf(WorkflowFailedError);
      expect(((failure as WorkflowFailedError).cause as ApplicationFailure).type).toBe(code);
      expect(log).toEqual(['freeze']);
      expect(rows.at(-1)).toMatchObject({ step: 'failed', code });
      expect(intents).toMatchObject([{ kind: 'training.refused' }]);
    },
  );

  test.each(['ope', 'simulator'] as const)(
    'a candidate that %s refuses is registered with that and never rolled out',
    async (failedGate) => {
      const plan = shortPlan();
      const { view, rollout } = await retrain({ failedGate }, { rollout: { rolloutId: 'rol_no', plan } });
      expect(view).toMatchObject({ step: 'finished', passed: false, candidateId: 'bid-new', rolloutId: null });
      expect(view!.reason).toMatch(new RegExp(`refused by ${failedGate}: `));
      expect(rollout.log).toEqual([]);
    },
  );

  test('a passed candidate starts its rollout, which outlives the run', async () => {
    const faults = [{ pointer: '', code: 'STOP_HERE', detail: 'enough' }];
    const stub = stubRollout({ faults });
    const training = stubTraining();
    const input = inputOf({ rollout: { rolloutId: 'rol_yes', plan: shortPlan() } });
    await environment.with(
      { ...stub.activities, ...training.activities, ...{ appendIntent: async () => undefined } },
      async () => {
        const view: TrainingView = await environment.env.client.workflow.execute('retrainAgents', {
          workflowId: `retrain/with-rollout/${n}`,
          taskQueue: CONTROL_QUEUE,
          args: [input],
        });
        expect(view.rolloutId).toBe('rol_yes');
        const ended = await environment.env.client.workflow.getHandle(rolloutWorkflowId('rol_yes')).result();
        expect(ended).toMatchObject({ state: 'refused', requestedBy: 'mia' });
      },
    );
  });

  test('a model trained elsewhere passes the same gates', async () => {
    const { view, log } = await retrain(
      {},
      { kind: 'imported', imported: { sha256: 'cd'.repeat(32), note: 'PyTorch' } },
    );
    expect(log).toEqual(['freeze', `adopt ${'cd'.repeat(32)}`, 'register with 4 gates']);
    expect(view!.gates).toHaveLength(4);
  });

  test('the budget agent is gated by the market alone', async () => {
    const { view } = await retrain({}, { agent: 'budget' });
    expect(view!.gates.map((gate) => gate.gate)).toEqual(['parity', 'simulator']);
  });

  test('each agent learns on its own queue; the twin is made beside the original and recorded', async () => {
    const bid = await retrain({});
    expect(bid.queues).toEqual({ trainBidModel: 'agent-bid', quantiseTwin: 'agent-bid' });
    expect(bid.view).toMatchObject({ int8: { shipped: false }, data: { verdict: 'pass' } });
    expect((await retrain({}, { agent: 'budget' })).queues).toEqual({ fitBudgetPolicy: 'agent-budget' });
  });

  test('several agents are trained in one run, on one window, each through its own gates', async () => {
    const { view, log, rows, intents, queues } = await retrain({}, { agents: ['bid', 'budget'] });
    expect(log.filter((entry) => entry === 'freeze')).toHaveLength(1);
    expect(queues).toMatchObject({ trainBidModel: 'agent-bid', fitBudgetPolicy: 'agent-budget' });
    expect(view).toMatchObject({ agent: 'several', step: 'finished', passed: true, code: null });
    expect(view!.parts!.map(({ agent, step, gates }) => [agent, step, gates.length])).toEqual([
      ['bid', 'finished', 4],
      ['budget', 'finished', 2],
    ]);
    expect(intents.map((intent) => intent.subject.split('#')[1]).sort()).toEqual(['bid', 'budget']);
    const steps = rows.map((row) => row.step);
    expect(steps.at(-1)).toBe('finished');
    // The row says finished once, at the very end: whoever watches it then reads the whole outcome.
    expect(steps.filter((step) => step === 'finished')).toHaveLength(1);
  });

  test('bad data of one agent does not stop the other; bad data of all fails the run', async () => {
    const { view, rows } = await retrain({ dataFault: 'LEAKING_FEATURE' }, { agents: ['bid', 'budget'] });
    expect(view).toMatchObject({ step: 'finished', passed: false, code: 'LEAKING_FEATURE', candidateId: 'bid-new' });
    expect(view!.parts).toMatchObject([
      { agent: 'bid', step: 'failed', code: 'LEAKING_FEATURE', candidateId: null, data: { verdict: 'block' } },
      { agent: 'budget', step: 'finished', passed: true },
    ]);
    expect(rows.at(-1)).toMatchObject({ agent: 'several', step: 'finished' });
    const alone = await retrain({ dataFault: 'LEAKING_FEATURE' });
    expect(alone.rows.at(-1)).toMatchObject({ step: 'failed', view: { data: { verdict: 'block' } } });
  });

  test('progress that a training tells is seen in the query and in the details, and gone after its step', async () => {
    const tells: RunProgress = {
      ...{ agent: 'bid', activity: 'trainBidModel', attempt: 2, fraction: 0.4, epoch: 12, epochs: 30, loss: 0.5 },
      ...{ rowsPerSecond: 85_000, etaSeconds: 9, resumedFromEpoch: 7, atMs: 1 },
    };
    const { view } = await retrain({ tells, holdsMs: 4000 }, {}, async (handle) => {
      for (let tries = 0; tries < 100; tries += 1) {
        const now = await handle.query<TrainingView>('progress');
        if (now.progress != null) {
          expect(now.progress).toEqual(tells);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const details = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
      expect(JSON.stringify(details)).toContain('40 %, epoch 12 of 30, 85000 rows/s, 9 s left, attempt 2 from epoch 7');
    });
    expect(view).toMatchObject({ step: 'finished', progress: null });
  });

  test('cancel ends every agent of a run of several', async () => {
    const { view } = await retrain({ trainsForEver: true }, { agents: ['bid', 'budget'] }, async (handle, stub) => {
      for (let tries = 0; tries < 100; tries += 1) {
        const { parts } = await handle.query<TrainingView>('progress');
        if (parts?.[0]?.step === 'training' && parts[1]?.step === 'finished' && stub.intents.length > 0) break;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      // Budget has said its last word, and its task is over: a cancellation in the middle of a task that also ends an activity leaves
      // the test server's history with a cancelled activity that nobody asked to cancel, which no worker can replay.
      await new Promise((resolve) => setTimeout(resolve, 300));
      await handle.executeUpdate('cancel', { args: [{ by: { name: 'x', role: 'ml-lead' }, reason: 'not now' }] });
    });
    expect(view).toMatchObject({ step: 'cancelled', code: 'CANCELLED' });
    expect(view!.parts!.map((part) => part.step)).toEqual(['cancelled', 'finished']);
  });

  test('cancel stops a running training; a wrong role may not', async () => {
    const { view, rows } = await retrain({ trainsForEver: true }, {}, async (handle) => {
      for (let tries = 0; tries < 100; tries += 1) {
        if ((await handle.query<TrainingView>('progress')).step === 'training') break;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const cancel = (role: string) =>
        handle.executeUpdate('cancel', { args: [{ by: { name: 'x', role }, reason: 'not now' }] });
      await expect(cancel('viewer')).rejects.toMatchObject({ cause: { type: 'ROLE_NOT_ALLOWED' } });
      await cancel('ml-lead');
    });
    expect(view).toMatchObject({ step: 'cancelled', code: 'CANCELLED', candidateId: null });
    expect(rows.at(-1)).toMatchObject({ step: 'cancelled' });
  });
});

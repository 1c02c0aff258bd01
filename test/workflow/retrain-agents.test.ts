import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
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
  during: (handle: WorkflowHandle) => Promise<void> = async () => undefined,
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
    await during(handle);
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
    expect(view!.gates.map((gate) => gate.gate)).toEqual(['parity', 'held-out-likelihood', 'simulator']);
    expect(log).toEqual(['freeze', 'train', 'register with 3 gates']);
    expect(rows.map((row) => row.step)).toEqual([
      'freezing-window',
      'validating-data',
      'training',
      'checking-parity',
      'gate-held-out',
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

  test('a candidate that a gate refuses is registered with the refusal and never rolled out', async () => {
    const plan = shortPlan();
    const { view, rollout } = await retrain({ failedGate: 'simulator' }, { rollout: { rolloutId: 'rol_no', plan } });
    expect(view).toMatchObject({ step: 'finished', passed: false, candidateId: 'bid-new', rolloutId: null });
    expect(view!.reason).toMatch(/refused by simulator/);
    expect(rollout.log).toEqual([]);
  });

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
    expect(log).toEqual(['freeze', `adopt ${'cd'.repeat(32)}`, 'register with 3 gates']);
    expect(view!.gates).toHaveLength(3);
  });

  test('the budget agent is gated by the market alone', async () => {
    const { view } = await retrain({}, { agent: 'budget' });
    expect(view!.gates.map((gate) => gate.gate)).toEqual(['parity', 'simulator']);
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

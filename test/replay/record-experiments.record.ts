import type { WorkflowHandle } from '@temporalio/client';
import type { ExperimentView } from '../../workflows/experiment/messages';
import { CONTROL_QUEUE, experimentWorkflowId } from '../../workflows/workflow-ids';
import { experimentInput, quickPlan, stubExperiment, type ExperimentStubOptions } from '../workflow/stub-experiment';
import { WorkflowEnvironment } from '../workflow/workflow-environment';
import { writeHistory } from './history-file';

// Records the histories of `runExperiment`, one for every way it ends; see record-histories.record.ts.

const alice = { name: 'alice', role: 'release-manager' } as const;

describe('histories of experiments', () => {
  let environment: WorkflowEnvironment;
  beforeAll(async () => {
    environment = await WorkflowEnvironment.create();
  }, 60_000);
  afterAll(() => environment.teardown());

  async function record(
    name: string,
    options: ExperimentStubOptions,
    during: (handle: WorkflowHandle) => Promise<void> = async () => undefined,
    horizonSeconds = 4,
    looksPerRun = 200,
  ): Promise<void> {
    await environment.with(stubExperiment(options).activities, async () => {
      const input = experimentInput(`exp_${name}`, quickPlan({ horizonSeconds }), { looksPerRun });
      const handle = await environment.env.client.workflow.start('runExperiment', {
        workflowId: experimentWorkflowId(input.experimentId),
        taskQueue: CONTROL_QUEUE,
        args: [input],
      });
      await during(handle);
      await handle.result();
      writeHistory(`run-experiment.${name}`, await handle.fetchHistory());
    });
  }

  async function until(handle: WorkflowHandle, wanted: (view: ExperimentView) => boolean): Promise<void> {
    while (!wanted(await handle.query<ExperimentView>('state'))) await environment.env.sleep('200ms');
  }
  const command = (handle: WorkflowHandle, name: string) =>
    handle.executeUpdate(name, { args: [{ by: alice, reason: 'for the record' }] });

  test('every way it ends', async () => {
    await record('treatment-better', { verdictOf: () => 'treatment-better' });
    await record('guardrail', { verdictOf: () => 'guardrail' });
    await record('guard-fired', { guardFiresAfterMs: 1200 }, undefined, 60);
    await record('champion-changed', { guardFiresAfterMs: 1200, guardCause: 'champion-changed' }, undefined, 60);
    await record('sample-ratio', { verdictOf: () => 'srm' }, undefined, 60);
    await record('sample-ratio-paged', { verdictOf: () => 'srm' }, undefined, 60);
    await record(
      'causes-paged-across-runs',
      { verdictOf: (_, look) => (look % 2 === 0 ? 'error' : 'srm'), stragglers: ['edge-2'] },
      undefined,
      60,
      2,
    );
    await record('refused', { faults: [{ pointer: '/plan', code: 'X', detail: 'x' }] });
    await record('slot-busy', { claimed: false });
    await record('continued-as-new', {}, undefined, 5, 2);
    await record(
      'paused-resumed-aborted',
      {},
      async (handle) => {
        await until(handle, (view) => view.look >= 1);
        await command(handle, 'pause');
        await until(handle, (view) => view.state === 'paused');
        await command(handle, 'resume');
        await until(handle, (view) => view.period === 1 && view.state === 'running');
        await command(handle, 'abort');
      },
      60,
    );
    await record(
      'held-and-aborted',
      { heldTimes: 99 },
      async (handle) => {
        await until(handle, (view) => view.waitingFor === 'the end of the hold');
        await command(handle, 'abort');
      },
      60,
    );
  });
});

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type {
  ApproveCommand,
  MetaAgentInput,
  RetrainAgentsInput,
  RollBackToInput,
  RollOutPolicyInput,
  RolloutView,
  TrainingView,
} from '../../workflows/messages';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { stubMeta } from '../workflow/stub-meta';
import { shortPlan, stubRollout, type StubOptions } from '../workflow/stub-rollout';
import { stubTraining, type TrainingStubOptions } from '../workflow/stub-training';
import { WorkflowEnvironment } from '../workflow/workflow-environment';
import { HISTORIES, writeHistory } from './history-file';

// Records the histories that are not there yet, for replay.test.ts to replay for ever; scripts/record-histories.ts runs it, no rung does. A
// history that was released is never recorded again; a changed workflow uses `patched()`.

const alice = { name: 'alice', role: 'release-manager' } as const;
const mia = { name: 'mia', role: 'ml-lead' } as const;

describe('histories', () => {
  let environment: WorkflowEnvironment;
  beforeAll(async () => {
    environment = await WorkflowEnvironment.create();
  }, 60_000);
  afterAll(() => environment.teardown());

  async function keep(name: string, handle: WorkflowHandle): Promise<void> {
    writeHistory(name, await handle.fetchHistory());
  }

  const has = (name: string): boolean => existsSync(join(HISTORIES, `${name}.json`));

  const start = (workflowType: string, workflowId: string, args: unknown[]) =>
    environment.env.client.workflow.start(workflowType, { workflowId, taskQueue: CONTROL_QUEUE, args });

  async function until(handle: WorkflowHandle, wanted: (view: RolloutView) => boolean): Promise<RolloutView> {
    for (;;) {
      const view = await handle.query<RolloutView>('state');
      if (wanted(view)) return view;
      await environment.env.sleep('200ms');
    }
  }

  async function approve(handle: WorkflowHandle): Promise<void> {
    const view = await until(handle, (v) => v.state === 'awaiting-approval');
    const command: ApproveCommand = {
      by: alice,
      reason: 'looks right',
      approvalId: 'apr-1',
      evidenceDigest: view.evidenceDigest ?? '',
      expiresAtMs: (await environment.env.currentTimeMs()) + 3_600_000,
    };
    await handle.executeUpdate('approve', { args: [command] });
  }

  const command = (handle: WorkflowHandle, name: string) =>
    handle.executeUpdate(name, { args: [{ by: alice, reason: 'for the record' }] });

  async function rollout(
    name: string,
    options: StubOptions,
    during: (handle: WorkflowHandle) => Promise<void>,
  ): Promise<void> {
    const input: RollOutPolicyInput = {
      rolloutId: `rol_${name}`,
      fleet: 'demo',
      cell: 'default',
      agent: 'bid',
      candidateId: 'bid-candidate',
      plan: shortPlan(),
      requestedBy: mia,
    };
    await environment.with(stubRollout(options).activities, async () => {
      const handle = await start('rollOutPolicy', `rollout/${input.rolloutId}`, [input]);
      await during(handle);
      await handle.result();
      await keep(`roll-out-policy.${name}`, handle);
      if (name === 'promoted')
        await keep('validate-in-shadow.pass', environment.env.client.workflow.getHandle(`shadow/${input.rolloutId}`));
    });
  }

  // First: the test server skips no time any more once a guard was left behind by a finished rollout.
  test('metaAgent, retrainTick, rollBackTo', async () => {
    const stub = stubMeta((tick) => (tick > 2 ? 3000 : 0));
    await environment.with(stub.activities, async () => {
      const input: MetaAgentInput = { fleet: 'demo', cell: 'default', tickSeconds: 30, windowSeconds: 600 };
      const meta = await start('metaAgent', 'meta-agent/demo', [input]);
      await environment.env.sleep('3 minutes');
      await command(meta, 'stopBidding');
      await keep('meta-agent.quarantined-and-stopped', meta);
      await meta.terminate('recorded');
      const tick = { fleet: 'demo', cell: 'default', agents: ['bid'], kind: 'daily', windowSeconds: 86_400 };
      const ticked = await start('retrainTick', 'tick/1', [tick]);
      await ticked.result();
      await keep('retrain-tick.started', ticked);
      const back: RollBackToInput = {
        fleet: 'demo',
        cell: 'default',
        agent: 'bid',
        targetId: null,
        requestedBy: alice,
        reason: 'drill',
        verdictAtMs: 0,
      };
      const rolled = await start('rollBackTo', 'rollback/demo/1', [back]);
      await rolled.result();
      await keep('roll-back-to.acknowledged', rolled);
    });
  });

  test('rollOutPolicy and validateInShadow', async () => {
    const looks =
      (last: 'non-inferior' | 'inferior' | 'inconclusive'): StubOptions['verdictOf'] =>
      (_stage, look) =>
        look >= 4 ? last : 'continue';
    await rollout('promoted', { verdictOf: looks('non-inferior') }, approve);
    await rollout('rolled-back', { verdictOf: looks('inferior') }, approve);
    await rollout('undecided', { verdictOf: looks('inconclusive') }, approve);
    await rollout('guard-fired', { guardFiresAfterMs: 1500 }, approve);
    await rollout('refused', { faults: [{ pointer: '/plan', code: 'X', detail: 'x' }] }, async () => undefined);
    await rollout('paused-and-aborted', {}, async (handle) => {
      await approve(handle);
      await until(handle, (v) => v.state === 'canary' && v.look >= 1);
      await command(handle, 'pause');
      await until(handle, (v) => v.look >= 3);
      await command(handle, 'abort');
    });
    await rollout('rejected', {}, async (handle) => {
      await until(handle, (v) => v.state === 'awaiting-approval');
      await command(handle, 'reject');
    });
  });

  test('retrainAgents', async () => {
    const input = (kind: RetrainAgentsInput['kind']): RetrainAgentsInput => ({
      fleet: 'demo',
      cell: 'default',
      agent: 'bid',
      kind,
      cutoffMs: 1_800_000_000_000,
      windowSeconds: 600,
      seed: 7,
      requestedBy: mia,
    });
    await environment.with(stubTraining().activities, async () => {
      const handle = await start('retrainAgents', 'retrain/a', [input('manual')]);
      await handle.result();
      await keep('retrain-agents.finished', handle);
    });
    await environment.with(stubTraining({ dataFault: 'ONE_CLASS' }).activities, async () => {
      const handle = await start('retrainAgents', 'retrain/b', [input('daily')]);
      await handle.result().catch(() => undefined);
      await keep('retrain-agents.one-class', handle);
    });
  });

  test('retrainAgents with queues, twin, progress and several agents; retrainTick of one run', async () => {
    const input: RetrainAgentsInput = {
      ...{ fleet: 'demo', cell: 'default', agent: 'bid', kind: 'full', cutoffMs: 1_800_000_000_000 },
      ...{ windowSeconds: 600, seed: 7, requestedBy: mia },
    };
    const tells = {
      ...{ agent: 'bid' as const, activity: 'trainBidModel', attempt: 1, fraction: 0.5, epoch: 15, epochs: 30 },
      ...{ loss: 0.4, rowsPerSecond: 90_000, etaSeconds: 4, resumedFromEpoch: 0, atMs: 1 },
    };
    const record = async (name: string, options: TrainingStubOptions, change: Partial<RetrainAgentsInput> = {}) => {
      if (has(name)) return;
      await environment.with(stubTraining(options).activities, async () => {
        const handle = await start('retrainAgents', `retrain/${name}`, [{ ...input, ...change }]);
        if (options.trainsForEver) {
          while ((await handle.query<TrainingView>('progress')).step !== 'training')
            await environment.env.sleep('200ms');
          await handle.executeUpdate('cancel', { args: [{ by: mia, reason: 'for the record' }] });
        }
        await handle.result().catch(() => undefined);
        await keep(name, handle);
      });
    };
    await record('retrain-agents.twin-and-progress', { tells });
    await record('retrain-agents.refused-by-gate', { failedGate: 'held-out-likelihood' });
    await record('retrain-agents.budget-on-its-queue', {}, { agent: 'budget' });
    await record('retrain-agents.leak-blocked', { dataFault: 'LEAKING_FEATURE' });
    await record('retrain-agents.several', {}, { agents: ['bid', 'budget'] });
    await record('retrain-agents.several-one-failed', { dataFault: 'ROWS_MISSING' }, { agents: ['bid', 'budget'] });
    await record('retrain-agents.cancelled', { trainsForEver: true });
    if (has('retrain-tick.one-run-of-several')) return;
    await environment.with(stubMeta().activities, async () => {
      const tick = { fleet: 'demo', cell: 'default', agents: ['bid', 'budget'], kind: 'full', windowSeconds: 604_800 };
      const ticked = await start('retrainTick', 'tick/several', [tick]);
      await ticked.result();
      await keep('retrain-tick.one-run-of-several', ticked);
    });
  });
});

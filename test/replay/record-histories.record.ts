import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { zeroKpiSums } from '#domain/contracts';
import type { WeightStep } from '#domain/meta';
import type {
  ApproveCommand,
  MetaAgentInput,
  MetaView,
  RetrainAgentsInput,
  RollBackToInput,
  RollOutPolicyInput,
  RolloutView,
  TrainingView,
} from '../../workflows/messages';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { stubMeta, type WatchScript } from '../workflow/stub-meta';
import { shortPlan, stubRollout, type StubOptions } from '../workflow/stub-rollout';
import { stubTraining, type TrainingStubOptions } from '../workflow/stub-training';
import { WorkflowEnvironment } from '../workflow/workflow-environment';
import { HISTORIES, writeHistory } from './history-file';

// Records the histories that are not there yet, for replay.test.ts to replay for ever; scripts/record-histories.ts runs it, no rung does. A
// history that was released is never recorded again; a changed workflow uses `patched()`.

const alice = { name: 'alice', role: 'release-manager' } as const;
const mia = { name: 'mia', role: 'ml-lead' } as const;

const sumsOf = (wins: number) => ({ ...zeroKpiSums(), requests: 10_000, eligible: 8000, bids: 6000, wins });
/** Win rate down by a quarter against the window before. */
const KPI_SUMS_OF_A_DROP = { current: sumsOf(1500), previous: sumsOf(2000) };

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

  test('metaAgent under governance', async () => {
    const step: WeightStep = {
      ...{ kind: 'step', campaignId: 'cmp-1', weight: 'kMax', from: 3, to: 2.95, reason: 'cost is too high' },
      before: { impressions: 1000, goalEvents: 100, spendNanos: 1e9 },
    };
    const run = async (name: string, script: WatchScript, during: (handle: WorkflowHandle) => Promise<void>) => {
      await environment.with(stubMeta(() => 0, script).activities, async () => {
        const input: MetaAgentInput = { fleet: name, cell: 'default', tickSeconds: 600, windowSeconds: 600 };
        const handle = await start('metaAgent', `meta-agent/${name}`, [input]);
        await during(handle);
        await keep(`meta-agent.${name}`, handle);
        await handle.terminate('recorded');
      });
    };
    await run('weights-after-veto-window', { watch: () => ({ steps: [step] }) }, async () => {
      await environment.env.sleep('65 minutes');
    });
    const levels = { autonomyLevels: { budget: 'L1' as const } };
    await run('proposal-approved-and-vetoed', { stored: levels, watch: () => ({ steps: [step] }) }, async (handle) => {
      for (const update of ['approveProposal', 'vetoProposal']) {
        await environment.env.sleep('11 minutes');
        const { proposals } = await handle.query<MetaView>('state');
        await handle.executeUpdate(update, {
          args: [{ by: alice, reason: 'for the record', proposalId: proposals![0]!.proposalId }],
        });
      }
    });
    await run('autonomy-lowered-and-raised', {}, async (handle) => {
      const set = { by: alice, reason: 'for the record', agent: 'bid' };
      await handle.executeUpdate('setAutonomy', { args: [{ ...set, level: 'L0', overrideBps: 5000 }] });
      const asked = await handle.executeUpdate<MetaView, [object]>('setAutonomy', { args: [{ ...set, level: 'L2' }] });
      const { proposalId } = asked.proposals![0]!;
      const bob = { name: 'bob', role: 'release-manager' } as const;
      await handle.executeUpdate('approveProposal', { args: [{ by: bob, reason: 'trusted', proposalId }] });
      const weight = { by: mia, reason: 'less', campaignId: 'cmp-1', weight: 'kMax', value: 2.9 };
      await handle.executeUpdate('setWeight', { args: [weight] });
    });
    const drifted = { drifted: ['lnFloor'], reason: 'inputs drifted' };
    const back = { rolledBack: [{ agent: 'bid' as const, rolloutId: 'rol_1' }] };
    await run(
      'drift-proposed-and-rolled-back',
      { drift: () => drifted, watch: (tick) => (tick === 3 ? back : {}) },
      async () => {
        await environment.env.sleep('45 minutes');
      },
    );
    const fall = { ...KPI_SUMS_OF_A_DROP };
    await run('retraining-stopped', { health: () => fall, watch: () => ({ failedCandidates: 3 }) }, async () => {
      await environment.env.sleep('35 minutes');
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
    await record('retrain-agents.with-ope-gate', {});
    await record('retrain-agents.refused-by-ope-gate', { failedGate: 'ope' });
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

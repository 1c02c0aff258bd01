import { ApplicationFailure, Context } from '@temporalio/activity';
import type { TrainingWindow } from '../../activities/training-ports';
import { AGENT_INTENT_KINDS } from '../../domain/contracts/agent-intents';
import type { Campaign } from '../../domain/contracts/campaign';
import { CampaignRepository } from '../../apps/control-plane/src/campaigns/campaign.repository';
import { ModelRepository } from '../../apps/control-plane/src/registry/model.repository';
import { PointerRepository } from '../../apps/control-plane/src/registry/pointer.repository';
import { TemporalClient } from '../../apps/control-plane/src/temporal/temporal-client';
import type { MetaView, RollBackToInput, RolloutView } from '../../workflows/messages';
import { CONTROL_QUEUE } from '../../workflows/workflow-ids';
import { shortPlan } from '../workflow/stub-rollout';
import { stubTraining } from '../workflow/stub-training';
import { alice, approve, RolloutWorld, send, until } from './rollout-world';

// The fault "it succeeded but reported failure" at every activity: each one does its work, then throws, once per call. Whatever a
// workflow leaves in the database must be what an undisturbed run leaves.

const bob = { name: 'bob', role: 'release-manager' } as const;
const oscar = { name: 'oscar', role: 'on-call' } as const;
const CELL = 'default';
type CpcCampaign = Campaign & { goal: { kind: 'cpc' } };

/** Makes each call of each activity succeed and report failure once; `hit` collects their names. */
function reportingFailure(activities: object, hit: Set<string>): object {
  const failed = new Set<string>();
  const wrapped = Object.entries(activities as Record<string, (...args: unknown[]) => Promise<unknown>>).map(
    ([name, activity]) => [
      name,
      async (...args: unknown[]) => {
        const { workflowExecution, activityId } = Context.current().info;
        const result = await activity(...args);
        const call = `${workflowExecution?.runId ?? ''}/${activityId}`;
        if (failed.has(call)) return result;
        failed.add(call);
        hit.add(name);
        throw ApplicationFailure.retryable('it succeeded, and reports failure', 'REPORTED_FAILURE');
      },
    ],
  );
  return Object.fromEntries(wrapped) as object;
}

/** One world with its names for what is drawn at random. */
class Scene {
  private readonly names = new Map<string, string>();

  constructor(readonly world: RolloutWorld) {}

  get client() {
    return this.world.plane.app.get(TemporalClient).client;
  }

  async candidate(name: string): Promise<string> {
    const id = await this.world.candidate('frequency');
    this.names.set(id, name);
    return id;
  }

  async release(name: string, candidateId: string) {
    const [shadow, canary] = shortPlan().stages;
    const plan = shortPlan({
      stages: [
        { ...shadow, holdSeconds: 1, maxSeconds: 600 },
        { ...canary, holdSeconds: 1, maxSeconds: 600 },
      ],
      decisionDeadlineSeconds: 600,
    });
    const released = await this.world.release(candidateId, { plan });
    this.names.set(released.rolloutId, name);
    return released;
  }

  /** Everything that the workflows leave behind, in the words of the scene; times, sequence numbers and looks are left out. */
  async state(): Promise<Record<string, unknown>> {
    const queries: Record<string, string> = {
      pointers: 'SELECT cell, agent, role, model_version_id, version FROM pointer ORDER BY 1, 2, 3',
      deployments: `SELECT agent, role, from_model_version_id, to_model_version_id, pointer_version, rollout_id, actor, evidence_digest
        FROM deployment_event ORDER BY event_id`,
      rollouts: `SELECT rollout_id, state, stage, verdict, claimed, share_bps, shadow_bps, rollback_target_id, evidence_digest
        FROM rollout ORDER BY created_at, rollout_id`,
      approvals:
        'SELECT rollout_id, stage, evidence_digest, approver, decision, reason FROM approval ORDER BY recorded_at',
      leases:
        'SELECT rollout_id, stage, share_bps, ended_at IS NOT NULL AS ended FROM canary_lease ORDER BY renewed_at',
      control: `SELECT cell, bidding, quarantined, autonomy_bps, autonomy_levels, updated_by, reason FROM serving_control
        ORDER BY 1`,
      weights: `SELECT cell, campaign_id, weight, version, from_value, to_value, kind, by, reason, evidence FROM weight_event
        ORDER BY version`,
      models: 'SELECT model_version_id, agent, gates_passed, created_by FROM model_version ORDER BY created_at, 1',
      trainings: 'SELECT run_key, agent, kind, step, code, candidate_id FROM training_run ORDER BY started_at',
    };
    const state: Record<string, unknown> = {};
    for (const [name, sql] of Object.entries(queries)) state[name] = await this.world.plane.database.query(sql);
    state.ledger = await this.world.plane.database.query(
      'SELECT kind, publisher, subject, reason FROM intent WHERE NOT kind = ANY($1) ORDER BY seq',
      [AGENT_INTENT_KINDS],
    );
    state.snapshots = await this.shares();
    return JSON.parse(this.inWords(JSON.stringify(state))) as Record<string, unknown>;
  }

  /** What the snapshots served one after the other, without repetitions. */
  private async shares(): Promise<unknown[]> {
    const rows = await this.world.plane.database.query<{ served: string }[]>(
      `SELECT jsonb_build_object('canary', payload::jsonb->'canary'->'shareBps', 'kill', payload::jsonb->'kill',
         'autonomy', payload::jsonb->'autonomyBps', 'weights', payload::jsonb->'weights',
         'champion', payload::jsonb->'champion'->'frequency'->>'modelVersionId')::text AS served FROM snapshot ORDER BY version`,
    );
    return rows.map(({ served }) => served).filter((served, at) => served !== rows[at - 1]?.served);
  }

  private inWords(text: string): string {
    let words = text;
    for (const [id, name] of this.names) words = words.replaceAll(id, name);
    // Epoch milliseconds of these decades in ids, not sums of money; and figures that were measured.
    return words.replace(/(?<![\d.])1[6-9]\d{11}(?!\d)/g, 'T').replace(/\d+ ms/g, 'N ms');
  }
}

/** Work of every workflow, one after the other; answers what is left in the database. */
async function play(world: RolloutWorld): Promise<Record<string, unknown>> {
  const scene = new Scene(world);
  await promote(scene);
  await rollBackByVerdict(scene);
  await abortInCanary(scene);
  await rollBackToLastGood(scene);
  await govern(scene);
  await retrain(scene);
  return scene.state();
}

async function promote(scene: Scene): Promise<void> {
  const { handle } = await scene.release('PROMOTED', await scene.candidate('GOOD'));
  await approve(handle, await until(handle, (view) => view.state === 'awaiting-approval'));
  expect(await handle.result()).toMatchObject({ state: 'promoted' });
}

async function rollBackByVerdict(scene: Scene): Promise<void> {
  const { handle } = await scene.release('ROLLED_BACK', await scene.candidate('BAD'));
  const waiting = await until(handle, (view) => view.state === 'awaiting-approval');
  scene.world.verdictOf = () => 'inferior';
  await approve(handle, waiting);
  expect(await handle.result()).toMatchObject({ state: 'rolled-back' });
  scene.world.verdictOf = () => 'non-inferior';
}

async function abortInCanary(scene: Scene): Promise<void> {
  scene.world.verdictOf = () => 'continue';
  const { handle } = await scene.release('ABORTED', await scene.candidate('UNKNOWN'));
  await approve(handle, await until(handle, (view) => view.state === 'awaiting-approval'));
  await until(handle, (view: RolloutView) => view.state === 'canary' && view.shareBps > 0);
  await send(handle, 'abort');
  expect(await handle.result()).toMatchObject({ state: 'aborted' });
  scene.world.verdictOf = () => 'non-inferior';
}

async function rollBackToLastGood(scene: Scene): Promise<void> {
  const input: RollBackToInput = {
    ...{ fleet: 'demo', cell: CELL, agent: 'frequency', targetId: null },
    ...{ requestedBy: alice, reason: 'by test', verdictAtMs: Date.now() },
  };
  const workflowId = 'rollback/demo/900';
  const handle = await scene.client.workflow.start('rollBackTo', {
    workflowId,
    taskQueue: CONTROL_QUEUE,
    args: [input],
  });
  expect(await handle.result()).toMatchObject({ stragglers: [] });
}

async function govern(scene: Scene): Promise<void> {
  const args = [{ fleet: 'demo', cell: CELL, tickSeconds: 1, windowSeconds: 600 }];
  const handle = await scene.client.workflow.start('metaAgent', {
    workflowId: 'meta-agent/demo',
    taskQueue: CONTROL_QUEUE,
    args,
  });
  const tell = (name: string, by: object, more: object = {}) =>
    handle.executeUpdate<MetaView, [object]>(name, { args: [{ by, reason: `${name} by test`, ...more }] });
  await tell('killAgent', oscar, { agent: 'bid' });
  await tell('stopBidding', oscar);
  await tell('resumeBidding', bob);
  await tell('reviveAgent', bob, { agent: 'bid' });
  await tell('setAutonomy', oscar, { agent: 'frequency', overrideBps: 6000 });
  const asked = await tell('setAutonomy', alice, { agent: 'budget', level: 'L3' });
  await tell('approveProposal', bob, { proposalId: asked.proposals![0]!.proposalId });
  const [tuned, dear] = await cpcCampaigns(scene.world);
  await tell('setWeight', alice, { campaignId: tuned!.campaignId, weight: 'kMax', value: 2.9 });
  await clickDearly(scene.world, dear!);
  // At level L3 the next tick makes the step by itself; the ticks after it find the campaign resting.
  await settled(() => count(scene.world, `weight_event WHERE kind = 'step'`));
  const { ticks } = await handle.query<MetaView>('state');
  await settled(async () => ((await handle.query<MetaView>('state')).ticks > ticks + 1 ? 1 : 0));
  await handle.terminate('the scene is over');
}

async function cpcCampaigns(world: RolloutWorld): Promise<CpcCampaign[]> {
  const { app } = world.plane;
  const known = await app.get(CampaignRepository).servable(world.plane.database.manager, Date.now());
  return known.filter((campaign): campaign is CpcCampaign => campaign.goal.kind === 'cpc').slice(0, 2);
}

/** 200 clicks that cost three times what the goal allows: reason enough for a step. */
async function clickDearly(world: RolloutWorld, { campaignId, goal }: CpcCampaign): Promise<void> {
  const bucketMs = Math.floor((Date.now() - 60_000) / 5000) * 5000;
  await world.plane.database.query(
    `INSERT INTO campaign_rollup (cell, campaign_id, arm, bucket_ms, bids, wins, impressions, clicks, conversions, value_nanos,
       spend_nanos, repeats) VALUES ($1, $2, 'champion', $3, 9000, 3000, 3000, 200, 0, $4, $4, 100)`,
    [CELL, campaignId, bucketMs, 600 * goal.amountMicros * 1000],
  );
}

async function count(world: RolloutWorld, from: string): Promise<number> {
  const [row] = await world.plane.database.query<{ n: number }[]>(`SELECT count(*)::integer AS n FROM ${from}`);
  return row!.n;
}

/** Waits until `found` counts something. */
async function settled(found: () => Promise<number>): Promise<void> {
  for (let tries = 0; (await found()) === 0; tries += 1) {
    if (tries === 600) throw new Error('nothing came of it within a minute');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function retrain(scene: Scene): Promise<void> {
  const started = (await scene.client.workflow.execute('retrainTick', {
    workflowId: 'retrain-tick/test',
    taskQueue: CONTROL_QUEUE,
    args: [{ fleet: 'demo', cell: CELL, kind: 'daily', agents: ['budget'], windowSeconds: 600 }],
  })) as { started: string[] };
  expect(started.started).toHaveLength(1);
  expect(await scene.client.workflow.getHandle(started.started[0]!).result()).toMatchObject({ step: 'finished' });
}

/** Learning without data: what it writes is real, what it computes is given. */
async function learning(world: RolloutWorld): Promise<object> {
  const { app } = world.plane;
  const pointer = await app.get(PointerRepository).find(CELL, 'budget', 'champion');
  const champion = await app.get(ModelRepository).find(pointer!.modelVersionId);
  const { registerCandidate: _r, saveTrainingRun: _s, appendIntent: _a, ...computed } = stubTraining().activities;
  return {
    ...computed,
    fitBudgetPolicy: async (input: { window: TrainingWindow; seed: number }) => ({
      policy: { ...champion!.manifest.policy, modelVersionId: 'budget-retrained' },
      parentId: pointer!.modelVersionId,
      window: input.window,
      hyperParameters: {},
      seed: input.seed,
      rowsPerSecond: null,
    }),
  };
}

describe('an activity that succeeded but reported failure', () => {
  const worlds: RolloutWorld[] = [];
  const hit = new Set<string>();
  afterAll(() => Promise.all(worlds.map((world) => world.stop())));

  test('leaves in the database what an undisturbed run leaves, in every workflow', async () => {
    const calm = await RolloutWorld.start();
    worlds.push(calm);
    await calm.startWorker({}, undefined, await learning(calm));
    const shaken = await RolloutWorld.start();
    worlds.push(shaken);
    await shaken.startWorker({}, (activities) => reportingFailure(activities, hit), await learning(shaken));
    const [expected, found] = await Promise.all([play(calm), play(shaken)]);
    expect(found).toEqual(expected);
    expect(expected.rollouts).toMatchObject([{ state: 'promoted' }, { state: 'rolled-back' }, { state: 'aborted' }]);
    expect(expected.weights).toMatchObject([{ kind: 'operator', to_value: 2.9 }, { kind: 'step' }]);
    expect(expected.control).toMatchObject([{ autonomy_bps: { frequency: 6000 }, autonomy_levels: { budget: 'L3' } }]);
    expect([...hit].sort()).toEqual(
      expect.arrayContaining([
        ...['appendIntent', 'appendMetaIntent', 'awaitAcknowledgement', 'claimRollout', 'lintRollout', 'openRollout'],
        ...[
          'promoteCandidate',
          'recordApproval',
          'registerCandidate',
          'releaseRollout',
          'restoreTarget',
          'saveRollout',
        ],
        ...['saveTrainingRun', 'serveShadow', 'serveStage', 'setServing', 'startTraining', 'summariseShadow'],
        ...['readFleetHealth', 'readFleetWatch', 'readDrift', 'readControl', 'changeWeight', 'setAutonomy'],
        ...['switchToTarget', 'takeLook', 'freezeWindow', 'validateWindow', 'fitBudgetPolicy', 'gateSimulator'],
      ]),
    );
  }, 600_000);
});

import { SnapshotPublisher } from '../../apps/control-plane/src/edges/snapshot-publisher.service';
import { ExperimentReaper } from '../../apps/control-plane/src/experiments/experiment-reaper.service';
import { ExperimentRepository } from '../../apps/control-plane/src/experiments/experiment.repository';
import { OrphanRounds } from '../../apps/control-plane/src/temporal/orphan-rounds.service';
import { TemporalClient } from '../../apps/control-plane/src/temporal/temporal-client';
import { WorkerActivities } from '../../apps/control-plane/src/temporal/worker-activities.service';
import { experimentPlanSchema, type ExperimentPlan } from '../../domain/contracts/experiment';
import type { GuardInput } from '../../activities/guard-activities';
import type { ExperimentView } from '../../workflows/experiment/messages';
import { experimentWorkflowId } from '../../workflows/workflow-ids';
import { alice, RolloutWorld } from './rollout-world';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A plan that is over in seconds; without traffic every look says `no-data`. */
const plan = (change: Partial<ExperimentPlan>): ExperimentPlan => ({
  ...experimentPlanSchema.parse({
    version: 1,
    name: 'outage',
    primary: 'value',
    guardrails: [{ metric: 'roi' }],
    horizonSeconds: 600,
    lookEverySeconds: 1,
    bucketSeconds: 1,
    labelMaturitySeconds: 0,
    feasibility: 'waived',
    waiverReason: 'a test without traffic',
  }),
  ...change,
});

/** Experiments on a real Temporal, a real Postgres and the real activities, while something is away. */
describe('outages of an experiment', () => {
  let world: RolloutWorld;
  beforeAll(async () => {
    world = await RolloutWorld.start(['edge-1']);
  }, 120_000);
  afterAll(() => (world as RolloutWorld | undefined)?.stop());
  afterEach(() => world.stopWorker());

  async function request(change: Partial<ExperimentPlan>) {
    const subject = { control: {}, treatment: { versions: { frequency: await world.candidate('frequency') } } };
    const body = { subject, plan: plan(change) };
    return world.plane.call<{ experimentId: string }>('POST', '/api/v1/experiments', { as: 'root', body });
  }

  async function started(change: Partial<ExperimentPlan>) {
    const { status, body } = await request(change);
    expect(status).toBe(202);
    const { experimentId } = body;
    return { experimentId, handle: world.plane.app.get(TemporalClient).handle(experimentWorkflowId(experimentId)) };
  }

  async function until(handle: Awaited<ReturnType<typeof started>>['handle'], wanted: (v: ExperimentView) => boolean) {
    for (let tries = 0; tries < 600; tries += 1) {
      const view = await handle.query<ExperimentView>('state').catch(() => null);
      if (view !== null && wanted(view)) return view;
      await pause(50);
    }
    throw new Error(`never reached: ${JSON.stringify(await handle.query('state'))}`);
  }

  test('worker down: overdue looks are folded into one, and the guard begins again', async () => {
    const real = world.worker.get(WorkerActivities).control() as {
      guardExperiment: (input: GuardInput) => Promise<unknown>;
    };
    let guards = 0;
    const guardExperiment = (input: GuardInput) => {
      guards += 1;
      return real.guardExperiment(input);
    };
    await world.startWorker({ guardExperiment });
    const { experimentId, handle } = await started({ horizonSeconds: 24 });
    const before = await until(handle, (view) => view.look >= 2);
    // The worker leaves its guard ten seconds to end.
    await world.stopWorker();
    await pause(3_000);
    const guardsBefore = guards;
    await world.startWorker({ guardExperiment });
    const view = (await handle.result()) as ExperimentView;
    expect(view).toMatchObject({ state: 'ended', result: 'invalid-no-data', period: 0, shareBps: 0 });
    expect(view.servedSeconds).toBeGreaterThanOrEqual(24);
    expect(guards).toBeGreaterThan(guardsBefore);
    // Many looks said so, across the outage: one page.
    expect(await intentsOf('page.raised', experimentId)).toMatchObject([{ action: { page: 'experiment-untrusted' } }]);
    const looks = await world.plane.database.query<{ look: number; at: Date }[]>(
      'SELECT look, at FROM experiment_look WHERE experiment_id = $1 ORDER BY look',
      [experimentId],
    );
    expect(looks.map(({ look }) => look)).toEqual(looks.map((_, index) => index + 1));
    const gaps = looks.slice(1).map(({ at }, index) => at.getTime() - looks[index].at.getTime());
    expect(Math.max(...gaps)).toBeGreaterThan(3_000);
    // One for all that were missed: none follows the other faster than the plan says.
    expect(looks.length).toBeGreaterThan(before.look + 2);
    expect(Math.min(...gaps)).toBeGreaterThan(900);
  }, 120_000);

  const rows = <T extends object>(sql: string, id: string) => world.plane.database.query<T[]>(sql, [id]);
  const intentsOf = (kind: string, experimentId: string) =>
    rows<{ action: object; reason: string }>(
      `SELECT action, reason FROM intent WHERE kind = '${kind}' AND subject = $1`,
      experimentId,
    );

  test('a workflow terminated by hand while serving: its lease ends, the canary slot comes free, a human is called', async () => {
    await world.startWorker();
    const lost = await started({});
    await until(lost.handle, (view) => view.look >= 1);
    expect(await world.leases().current('default')).toMatchObject({ rolloutId: lost.experimentId, shareBps: 5000 });
    const reaper = world.worker.get(ExperimentReaper);
    await expect(reaper.reapAll()).resolves.toEqual([]);
    await lost.handle.terminate('by hand');
    // Nobody renews it: two minutes later no edge may serve the treatment.
    expect(await world.leases().current('default', Date.now() + 120_000)).toBeNull();
    const busy = await request({});
    expect(busy).toMatchObject({ status: 409, body: { code: 'canary-slot-busy' } });
    // A round that breaks off half-way is repeated: the slot is the last to go.
    const publisher = world.worker.get(SnapshotPublisher);
    jest.spyOn(publisher, 'publishChange').mockRejectedValueOnce(new Error('the store is away'));
    await expect(reaper.reapAll()).rejects.toThrow('the store is away');
    expect(await rows('SELECT claimed, share_bps FROM experiment WHERE experiment_id = $1', lost.experimentId)).toEqual(
      [{ claimed: true, share_bps: 0 }],
    );
    const rounds = world.worker.get(OrphanRounds);
    rounds.start(50);
    const record = world.worker.get(ExperimentRepository);
    for (let tries = 0; tries < 200 && (await record.slotHolder('default')) !== null; tries += 1) await pause(50);
    await rounds.onApplicationShutdown();
    expect(await record.slotHolder('default')).toBeNull();
    await expect(reaper.reapAll()).resolves.toEqual([]);
    expect(await world.leases().current('default')).toBeNull();
    const reason = expect.stringMatching(/workflow is gone/) as string;
    expect(await record.find(lost.experimentId)).toMatchObject({
      ...{ state: 'ended', result: 'aborted', shareBps: 0, waitingFor: null, reason },
      endedAt: expect.any(String) as string,
    });
    expect(await intentsOf('experiment.ended', lost.experimentId)).toMatchObject([
      { action: { result: 'aborted' }, reason },
    ]);
    expect(await intentsOf('page.raised', lost.experimentId)).toMatchObject([
      { action: { page: 'experiment-orphaned', agent: null }, reason },
    ]);
    const latest = await world.plane.call<{ items: { version: number }[] }>('GET', '/api/v1/snapshots?limit=1');
    expect(await world.sharesAfter(latest.body.items[0].version - 1)).toEqual([]);
    const next = await started({});
    await until(next.handle, (view) => view.look >= 1);
    await next.handle.executeUpdate('abort', { args: [{ by: alice, reason: 'enough' }] });
    expect(await next.handle.result()).toMatchObject({ state: 'ended', result: 'aborted' });
  }, 120_000);

  test('a registration whose workflow never began is refused after a minute, and calls nobody', async () => {
    const [{ experimentId }] = await world.plane.database.query<{ experimentId: string }[]>(
      `INSERT INTO experiment (experiment_id, fleet, cell, subject, plan, plan_digest, requested_by, registered_at)
       SELECT 'exp_lost', fleet, cell, subject, plan, plan_digest, requested_by, now() - interval '61 s'
       FROM experiment LIMIT 1 RETURNING experiment_id AS "experimentId"`,
    );
    await expect(world.worker.get(ExperimentReaper).reapAll()).resolves.toEqual([experimentId]);
    expect(await world.worker.get(ExperimentRepository).find(experimentId)).toMatchObject({
      state: 'refused',
      result: null,
    });
    expect(await intentsOf('page.raised', experimentId)).toEqual([]);
  });
});

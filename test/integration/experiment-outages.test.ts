import { WorkerActivities } from '../../apps/control-plane/src/temporal/worker-activities.service';
import { TemporalClient } from '../../apps/control-plane/src/temporal/temporal-client';
import { experimentPlanSchema, type ExperimentPlan } from '../../domain/contracts/experiment';
import type { GuardInput } from '../../activities/guard-activities';
import type { ExperimentView } from '../../workflows/experiment/messages';
import { experimentWorkflowId } from '../../workflows/workflow-ids';
import { RolloutWorld } from './rollout-world';

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

  async function started(change: Partial<ExperimentPlan>) {
    const subject = { control: {}, treatment: { versions: { frequency: await world.candidate('frequency') } } };
    const { status, body } = await world.plane.call<{ experimentId: string }>('POST', '/api/v1/experiments', {
      as: 'root',
      body: { subject, plan: plan(change) },
    });
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
});

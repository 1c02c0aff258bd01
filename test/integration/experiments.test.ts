import { rmSync } from 'node:fs';
import { BudgetLedger } from '../../apps/control-plane/src/edges/budget-ledger.service';
import { SnapshotStore } from '../../apps/control-plane/src/edges/snapshot-store';
import { SnapshotPublisher } from '../../apps/control-plane/src/edges/snapshot-publisher.service';
import { ExperimentLookTaker } from '../../apps/control-plane/src/experiments/experiment-look-taker.service';
import { ExperimentRepository } from '../../apps/control-plane/src/experiments/experiment.repository';
import { registrationDigest } from '../../apps/control-plane/src/experiments/registration-digest';
import { RolloutLock } from '../../apps/control-plane/src/rollouts/rollout-lock.repository';
import { RolloutRepository } from '../../apps/control-plane/src/rollouts/rollout.repository';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { ReleaseHolds } from '../../apps/control-plane/src/release-holds/release-holds.repository';
import { experimentPlanSchema, experimentSubjectSchema } from '../../domain/contracts/experiment';
import { defaultPlan } from '../../domain/contracts/default-plan';
import type { Registration } from '../../activities/experiment-activities';
import { ControlPlaneHarness } from './control-plane-harness';
import { shippedFolder } from './control-plane-shipped';

const plan = experimentPlanSchema.parse({
  version: 1,
  name: 'shading',
  primary: 'value',
  guardrails: [{ metric: 'roi' }],
  horizonSeconds: 86_400,
  labelMaturitySeconds: 0,
  feasibility: 'waived',
  waiverReason: 'a test without traffic',
});

describe('experiments on a real Postgres', () => {
  let plane: ControlPlaneHarness;
  let shipped: string;
  let experiments: ExperimentRepository;
  let n = 0;

  beforeAll(async () => {
    shipped = shippedFolder();
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR: shipped });
    await of(ShippedSeed).seed();
    await of(SnapshotPublisher).publish('seeded');
    experiments = of(ExperimentRepository);
    // A second version of the Bid policy, made of the first one.
    await plane.database.query(
      `INSERT INTO model_version (model_version_id, agent, family, parent_id, artifact_sha256, manifest, gates_passed, created_by, registration_key)
       SELECT 'bid-9', agent, family, model_version_id, artifact_sha256,
         jsonb_set(jsonb_set(manifest, '{modelVersionId}', '"bid-9"'), '{policy,modelVersionId}', '"bid-9"'), true, 'test', 'bid-9'
       FROM model_version WHERE agent = 'bid' LIMIT 1`,
    );
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(shipped, { recursive: true });
  });

  const of = <T>(service: new (...rest: never[]) => T): T => plane.app.get<T>(service, { strict: false });

  /** Registers, without a workflow: the activities are called as it would. */
  async function registered(subject: unknown = { control: {}, treatment: { versions: { bid: 'bid-9' } } }) {
    const parsed = experimentSubjectSchema.parse(subject);
    const sealed = { fleet: 'demo', cell: 'default', subject: parsed, plan };
    const experimentId = `exp_${(n += 1)}`;
    const registration: Registration = {
      ...sealed,
      experimentId,
      planDigest: registrationDigest(sealed),
      requestedBy: 'mia',
    };
    await experiments.open(registration);
    return registration;
  }

  async function openRollout(agent: 'bid' | 'creative' = 'bid') {
    const rolloutId = `rol_${(n += 1)}`;
    const subject = { rolloutId, cell: 'default', agent, candidateId: 'bid-9' };
    await of(RolloutRepository).open({ ...subject, fleet: 'demo', plan: defaultPlan('x'), requestedBy: 'mia' });
    return subject;
  }
  const claim = ({ experimentId, planDigest }: Registration) => experiments.claim({ experimentId, planDigest });

  test('the canary slot belongs to rollouts or to one experiment, whoever comes first', async () => {
    const first = await registered();
    const second = await registered();
    expect(await claim(first)).toMatchObject({ claimed: true, champions: { bid: expect.any(String) as string } });
    expect(await claim(first)).toMatchObject({ claimed: true });
    expect(await claim(second)).toEqual({ claimed: false, holder: first.experimentId, champions: null });
    const rollout = await openRollout('creative');
    expect(await of(RolloutLock).claim(rollout)).toMatchObject({ claimed: false, holder: first.experimentId });
    await experiments.release(first.experimentId);
    expect(await of(RolloutLock).claim(rollout)).toMatchObject({ claimed: true });
    expect(await claim(second)).toEqual({ claimed: false, holder: rollout.rolloutId, champions: null });
    await of(RolloutRepository).release(rollout.rolloutId);
  });

  test('raced claims: exactly one wins, twenty times', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [one, two, rollout] = await Promise.all([registered(), registered(), openRollout()]);
      const [a, b, c] = await Promise.all([claim(one), claim(two), of(RolloutLock).claim(rollout)]);
      expect([a, b, c].filter(({ claimed }) => claimed)).toHaveLength(1);
      await experiments.release(one.experimentId);
      await experiments.release(two.experimentId);
      await of(RolloutRepository).release(rollout.rolloutId);
    }
  });

  test('what is registered is never edited, and a result is given once', async () => {
    const registration = await registered();
    const { experimentId } = registration;
    const change = (sql: string) =>
      plane.database.query(`UPDATE experiment SET ${sql} WHERE experiment_id = $1`, [experimentId]);
    await expect(change(`plan = '{}'`)).rejects.toThrow(/is registered/);
    await expect(change(`subject = '{}'`)).rejects.toThrow(/is registered/);
    await expect(change(`plan_digest = repeat('0', 64)`)).rejects.toThrow(/is registered/);
    await expect(
      plane.database.query('DELETE FROM experiment WHERE experiment_id = $1', [experimentId]),
    ).rejects.toThrow(/is registered/);
    await expect(experiments.open({ ...registration, planDigest: '0'.repeat(64) })).rejects.toThrow(/another plan/);
    await expect(experiments.open(registration)).resolves.toBeUndefined();
    await change(`state = 'ended', result = 'aborted'`);
    await expect(change(`result = 'treatment-better'`)).rejects.toThrow(/is registered/);
  });

  test('both arms reach the edges, stand on the pinned champions, and leave with them', async () => {
    const registration = await registered({
      control: { versions: { bid: 'bid-9' } },
      treatment: { versions: { creative: 'creative-0' } },
    });
    const { experimentId } = registration;
    await claim(registration);
    const served = async () => of(SnapshotStore).snapshot((await of(SnapshotPublisher).publish('test')).snapshotId);
    expect((await served()).canary).toBeNull();
    expect(await experiments.serve({ experimentId, seq: 3, period: 1, shareBps: 4000 })).toEqual({ held: null });
    const { canary, champion } = await served();
    expect(canary).toMatchObject({ rolloutId: experimentId, stage: 1, shareBps: 4000 });
    expect(canary!.control!.bid.modelVersionId).toBe('bid-9');
    expect(canary!.policies.bid.modelVersionId).toBe(champion.bid.modelVersionId);
    // A stop fences a serve that comes late.
    await experiments.stop({ experimentId, seq: 5 });
    await experiments.serve({ experimentId, seq: 4, period: 1, shareBps: 4000 });
    expect((await served()).canary).toBeNull();
    // A champion that moves takes both arms away at once.
    await experiments.serve({ experimentId, seq: 6, period: 1, shareBps: 4000 });
    expect((await served()).canary).not.toBeNull();
    expect(await experiments.championsHold(experimentId)).toBe(true);
    await plane.database.query(
      `UPDATE pointer SET model_version_id = 'bid-9', version = version + 1 WHERE cell = 'default' AND agent = 'bid' AND role = 'champion'`,
    );
    expect((await served()).canary).toBeNull();
    expect(await experiments.championsHold(experimentId)).toBe(false);
    await experiments.release(experimentId);
  });

  test('a stopped line holds the start back', async () => {
    const registration = await registered();
    const { experimentId } = registration;
    await claim(registration);
    await of(ReleaseHolds).stop('demo', 'olga', 'incident');
    const { held } = await experiments.serve({ experimentId, seq: 1, period: 0, shareBps: 5000 });
    expect(held).toMatch(/olga|incident/);
    expect((await experiments.find(experimentId))!.shareBps).toBe(0);
    await of(ReleaseHolds).resume('demo', 'alice', 'over');
    expect(await experiments.serve({ experimentId, seq: 2, period: 0, shareBps: 5000 })).toEqual({ held: null });
    await experiments.release(experimentId);
  });

  test('each arm gets leases of its own, in proportion to its share', async () => {
    const snapshot = await of(SnapshotStore).snapshot((await of(SnapshotPublisher).publish('arms')).snapshotId);
    const campaigns = snapshot.campaigns.slice(0, 1);
    const { grants } = await of(BudgetLedger).lease({
      edgeId: 'edge-arms',
      bootId: 'boot-arms',
      nowMs: Date.now(),
      reports: [],
      campaigns,
      trafficShares: new Array<number>(168).fill(1 / 168),
      canaryShareBps: 4000,
      liveEdges: 1,
      draining: false,
    });
    const plans = Object.fromEntries(grants.map((grant) => [grant.arm, grant.dayPlanNanos]));
    expect(Object.keys(plans).sort()).toEqual(['canary', 'champion']);
    expect(plans.canary! / (plans.canary! + plans.champion!)).toBeCloseTo(0.4, 6);
    expect(new Set(grants.map(({ grantId }) => grantId)).size).toBe(2);
  });

  test('a look taken twice is one look, and no other plan may judge it', async () => {
    const registration = await registered();
    const { experimentId, planDigest } = registration;
    const taker = of(ExperimentLookTaker);
    const input = {
      key: 'k',
      experimentId,
      cell: 'default',
      planDigest,
      period: 0,
      look: 1,
      openedAtMs: Date.now() - 60_000,
      servedSeconds: 60,
    };
    const first = await taker.take(input, Date.now());
    expect(first).toMatchObject({ look: 1, verdict: 'no-data', readout: null });
    expect(await taker.take(input, Date.now() + 5000)).toEqual(first);
    await expect(taker.take({ ...input, look: 2, planDigest: '0'.repeat(64) }, Date.now())).rejects.toThrow(
      /another plan/,
    );
    await expect(plane.database.query('DELETE FROM experiment_look')).rejects.toThrow(/append-only|permission denied/);
    const looks = await plane.call<{ items: { digest: string; planDigest: string }[] }>(
      'GET',
      `/api/v1/experiments/${experimentId}/looks`,
    );
    expect(looks.body.items).toEqual([expect.objectContaining({ digest: first.digest, planDigest })]);
  });

  test('the API lists every fault, refuses a busy slot by name, and lets only an ML lead start', async () => {
    const start = (body: unknown, as = 'root') => plane.call('POST', '/api/v1/experiments', { as, body });
    const faulty = await start({
      subject: { control: { family: 'monolith' }, treatment: { versions: { bid: 'nobody', budget: 'bid-9' } } },
      plan: { ...plan, feasibility: 'enforced' },
    });
    expect(faulty).toMatchObject({ status: 422, body: { code: 'invalid-experiment' } });
    const codes = (faulty.body.errors as { code: string }[]).map(({ code }) => code);
    expect(codes).toEqual(['FAMILY_NOT_SERVED', 'UNKNOWN_MODEL', 'WRONG_AGENT', 'NO_FRESH_DATA']);
    const holder = await registered();
    await claim(holder);
    const body = { subject: { treatment: { versions: { bid: 'bid-9' } }, control: {} }, plan };
    const busy = await start(body);
    expect(busy).toMatchObject({ status: 409, body: { code: 'canary-slot-busy' } });
    expect(busy.body.detail).toContain(holder.experimentId);
    await experiments.release(holder.experimentId);
    expect((await plane.call('GET', '/api/v1/experiments/exp_none')).status).toBe(404);
  });
});

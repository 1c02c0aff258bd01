import { rmSync } from 'node:fs';
import { createWatchActivities, type WeightWish } from '../../activities/watch-activities';
import { startDuties } from '../../apps/control-plane/src/application';
import { SnapshotPublisher } from '../../apps/control-plane/src/edges/snapshot-publisher.service';
import { DriftReader } from '../../apps/control-plane/src/lake/drift-reader.service';
import { FleetOutcomes } from '../../apps/control-plane/src/meta/fleet-outcomes';
import { FleetWatchService } from '../../apps/control-plane/src/meta/fleet-watch.service';
import { WeightService } from '../../apps/control-plane/src/meta/weight.service';
import { ModelRepository } from '../../apps/control-plane/src/registry/model.repository';
import { ServingControlRepository } from '../../apps/control-plane/src/registry/serving-control.repository';
import { ServingSetService } from '../../apps/control-plane/src/registry/serving-set.service';
import { WatchPortsService } from '../../apps/control-plane/src/temporal/watch-ports.service';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import type { Signed } from '#domain/contracts/signed';
import { buildServingIndex } from '#domain/matching';
import { ControlPlaneHarness } from './control-plane-harness';
import { shippedFolder } from './control-plane-shipped';

interface Watch {
  scopes: { scope: string; id: string; now: Record<string, number | null>; alerts: { kpi: string }[] }[];
}

describe('what the meta-agent reads and writes, on a real Postgres', () => {
  let plane: ControlPlaneHarness;
  let shipped: string;
  let activities: ReturnType<typeof createWatchActivities>;
  let campaigns: PolicySnapshot['campaigns'];

  const newest = async (): Promise<PolicySnapshot> => {
    const { body } = await plane.call<Signed>('GET', '/edge/v1/snapshot?waitMs=0', { as: 'edge' });
    return JSON.parse(body.payload) as PolicySnapshot;
  };
  const get = <T>(token: abstract new (...args: never[]) => T): T => plane.app.get(token, { strict: false });

  beforeAll(async () => {
    shipped = shippedFolder();
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR: shipped });
    await startDuties(plane.app);
    const ports = new WatchPortsService(
      plane.config,
      get(FleetWatchService),
      get(FleetOutcomes),
      get(WeightService),
      get(ServingControlRepository),
      get(ServingSetService),
      get(ModelRepository),
      get(DriftReader),
      get(SnapshotPublisher),
    );
    activities = createWatchActivities(ports.ports());
    campaigns = (await newest()).campaigns.filter((campaign) => campaign.goal.kind === 'cpc');
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(shipped, { recursive: true });
  });

  const wish = (change: Partial<WeightWish> = {}): WeightWish => ({
    key: 'meta-agent/demo/weight/1',
    cell: 'default',
    campaignId: campaigns[0]!.campaignId,
    weight: 'kMax',
    to: 2.9,
    kind: 'step',
    by: 'meta',
    reason: 'cost is 1.5 times what the goal allows',
    evidence: { impressions: 1000, goalEvents: 100, spendNanos: 1e9 },
    ...change,
  });

  test('a weight reaches the edges in the next snapshot and takes effect there, with its intent', async () => {
    const { version } = await newest();
    expect(await activities.changeWeight(wish())).toEqual({ changed: true, version: 1, from: 3, to: 2.9 });
    const snapshot = await newest();
    expect(snapshot).toMatchObject({
      version: version + 1,
      weights: { version: 1, campaigns: { [campaigns[0]!.campaignId]: { kMax: 2.9 } } },
    });
    const index = buildServingIndex(snapshot);
    expect(index.campaignById.get(campaigns[0]!.campaignId)!.tuned.champion.budget.kMax).toBe(2.9);
    expect(index.campaignById.get(campaigns[1]!.campaignId)!.tuned.champion.budget.kMax).toBe(3);
    const { body } = await plane.call<{ items: object[] }>('GET', '/api/v1/intents?kind=weights.changed');
    expect(body.items).toMatchObject([
      {
        publisher: 'meta',
        subject: campaigns[0]!.campaignId,
        action: { weight: 'kMax', from: 3, to: 2.9, version: 1 },
      },
    ]);
  });

  test('the same key again changes nothing, also many at once', async () => {
    const once = wish({ key: 'meta-agent/demo/weight/2', weight: 'wFatigue', to: 0.105 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => activities.changeWeight(once)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
      new Set([JSON.stringify({ changed: true, version: 2, from: 0.1, to: 0.105 })]),
    );
    const { body } = await plane.call<{ items: object[] }>('GET', '/api/v1/intents?kind=weights.changed');
    expect(body.items).toHaveLength(2);
  });

  test('a step beyond the room of a day is refused with what may be set; the last step can be taken back once', async () => {
    const far = await activities.changeWeight(
      wish({ key: 'w/3', to: 2.6, kind: 'operator', by: 'mia', evidence: null }),
    );
    expect(far).toMatchObject({ changed: false, code: 'WEIGHT_STEP_TOO_LARGE' });
    expect(far).toMatchObject({ reason: expect.stringMatching(/may be set from 2\.72\d* to 3\.0\d* now/) });
    const back = (key: string) => activities.changeWeight(wish({ key, to: 3, kind: 'reversal' }));
    expect(await back('w/4')).toMatchObject({ changed: true, from: 2.9, to: 3 });
    expect(await back('w/5')).toMatchObject({ changed: false, code: 'NOTHING_TO_REVERSE' });
    expect(await activities.changeWeight(wish({ key: 'w/6', campaignId: 'cmp_none' }))).toMatchObject({
      code: 'UNKNOWN_CAMPAIGN',
    });
  });

  test('the database itself refuses another range, another name, and any edit', async () => {
    const insert = (weight: string, value: number) =>
      plane.database.query(
        `INSERT INTO weight_event (key, cell, campaign_id, weight, version, from_value, to_value, kind, by, reason, at_ms)
         VALUES ('x', 'default', $1, $2, 99, 3, $3, 'step', 'x', 'x', 0)`,
        [campaigns[0]!.campaignId, weight, value],
      );
    await expect(insert('kMax', 4.5)).rejects.toThrow(/weight_event_to_in_range/);
    await expect(insert('totalBudget', 3)).rejects.toThrow(/weight_event_(from|to)_in_range/);
    await expect(plane.database.query('UPDATE weight_event SET to_value = 3')).rejects.toThrow();
    await expect(plane.database.query('DELETE FROM weight_event')).rejects.toThrow();
  });

  test('autonomy is kept with its shares and published; a level that is none is refused', async () => {
    const bps = { budget: 10_000, creative: 10_000, bid: 6000, frequency: 10_000 };
    const levels = { budget: 'L2', creative: 'L2', bid: 'L1', frequency: 'L2' } as const;
    const input = {
      key: 'a/1',
      cell: 'default',
      autonomyBps: bps,
      autonomyLevels: levels,
      by: 'rick',
      reason: 'careful',
    };
    await activities.setAutonomy(input);
    expect((await newest()).autonomyBps.bid).toBe(6000);
    expect(await activities.readControl({ cell: 'default' })).toMatchObject({
      autonomyLevels: { bid: 'L1' },
      bidding: 'running',
    });
    await expect(plane.database.query(`UPDATE serving_control SET autonomy_levels = '{"bid": "L9"}'`)).rejects.toThrow(
      /serving_control_levels/,
    );
  });

  test('campaigns are watched against their goal and plan, and the API tells the KPIs of every scope', async () => {
    const bucketMs = Math.floor((Date.now() - 60_000) / 5000) * 5000;
    const dear = campaigns[1]!.campaignId;
    const add = (campaignId: string, atMs: number, clicks: number, spendNanos: number) =>
      plane.database.query(
        `INSERT INTO campaign_rollup (cell, campaign_id, arm, bucket_ms, bids, wins, impressions, clicks, conversions, value_nanos,
           spend_nanos, repeats) VALUES ('default', $1, 'champion', $2, 9000, 3000, 3000, $3, 0, $4, $4, 100)`,
        [campaignId, atMs, clicks, spendNanos],
      );
    const goal = campaigns[1]!.goal as { amountMicros: number };
    // 200 clicks that cost three times what the goal allows.
    await add(dear, bucketMs, 200, 600 * goal.amountMicros * 1000);
    await add(dear, bucketMs - 600_000, 200, 200 * goal.amountMicros * 1000);
    const watch = await activities.readFleetWatch({ fleet: 'demo', cell: 'default', windowSeconds: 600, sinceMs: 0 });
    expect(watch).toMatchObject({ frozen: null, failedCandidates: 0, rolledBack: [], weightsVersion: 3 });
    expect(watch.steps).toMatchObject([{ kind: 'step', campaignId: dear, weight: 'kMax', from: 3 }]);
    expect(watch.steps[0]!.reason).toContain('what the goal allows: k_max falls');
    expect(JSON.stringify(watch).length).toBeLessThan(10_000);
    const { status, body } = await plane.call<Watch>('GET', '/api/v1/meta/kpis?windowSeconds=600', { as: 'vera' });
    expect(status).toBe(200);
    const scope = body.scopes.find(({ id }) => id === dear)!;
    expect(scope.now.winRate).toBeCloseTo(1 / 3, 12);
    expect(scope.now.repeatExposure).toBeCloseTo(1 / 30, 12);
    expect(scope.now.spendToPlan).not.toBeNull();
    expect(body.scopes[0]).toMatchObject({ scope: 'fleet', id: 'demo' });
    expect((await plane.call('GET', '/api/v1/meta/kpis?windowSeconds=1')).status).toBe(422);
  });

  test('commands that lack what they need are refused by name', async () => {
    const post = (command: string, body: object) => plane.call('POST', `/api/v1/meta/${command}`, { body });
    const lacking = await post('set-weight', { reason: 'x', campaignId: 'c' });
    expect(lacking).toMatchObject({ status: 422, body: { errors: [{ pointer: '/weight' }, { pointer: '/value' }] } });
    expect(await post('approve-proposal', { reason: 'x' })).toMatchObject({ status: 422 });
    expect(await post('set-autonomy', { reason: 'x', agent: 'bid', level: 'L9' })).toMatchObject({ status: 422 });
    expect(await post('set-nonsense', { reason: 'x' })).toMatchObject({ status: 404 });
  });

  test('failed candidates are counted in a row, and rollbacks since the last tick', async () => {
    const run = (key: string, passed: boolean, minutesAgo: number) =>
      plane.database.query(
        `INSERT INTO training_run (run_key, fleet, agent, kind, step, requested_by, view, seq, started_at)
         VALUES ($1, 'demo', 'bid', 'drift', 'finished', 'meta', $2, 1, now() - make_interval(mins => $3))`,
        [key, JSON.stringify({ passed }), minutesAgo],
      );
    await run('t1', true, 40);
    await run('t2', false, 30);
    await run('t3', false, 20);
    expect(await get(FleetOutcomes).failedCandidates('demo', 'bid')).toBe(2);
    await run('t4', true, 10);
    expect(await get(FleetOutcomes).failedCandidates('demo', 'bid')).toBe(0);
  });

  test('a champion without frozen bins says that its drift cannot be said', async () => {
    const drift = await activities.readDrift({ cell: 'default', windowSeconds: 600 });
    expect(drift).toMatchObject({ modelVersionId: 'bid-0', n: 0, drifted: [] });
    expect(drift.reason).toContain('no frozen bins');
  });
});

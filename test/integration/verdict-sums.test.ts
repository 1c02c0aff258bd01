import { defaultPlan, type DecisionRecord, type RolloutPlan } from '#domain/contracts';
import type { Outcome } from '#domain/contracts/outcome';
import { latencyCount } from '#domain/evaluation';
import type { EdgeEvent } from '#domain/contracts/segment';
import { assignArm } from '#domain/coordination/assignment';
import { sampleEvents } from '#domain/lake/sample-events';
import { servedShare, type Look } from '#domain/rollout';
import { CellSettings } from '../../apps/control-plane/src/edges/cell-settings';
import { SnapshotStore } from '../../apps/control-plane/src/edges/snapshot-store';
import { VerdictSums } from '../../apps/control-plane/src/lake/verdict-sums.repository';
import { LookRepository } from '../../apps/control-plane/src/rollouts/look.repository';
import { LookTakerService } from '../../apps/control-plane/src/rollouts/look-taker.service';
import { PlanFacts } from '../../apps/control-plane/src/rollouts/plan-facts';
import { PlannedSpendReader } from '../../apps/control-plane/src/rollouts/planned-spend.service';
import { PrePeriod } from '../../apps/control-plane/src/rollouts/pre-period.service';
import { draws, openLake, segmentOf, type OpenLake } from './open-lake';

const SALT = 'salt';
const START_MS = Math.floor((Date.now() - 900_000) / 5_000) * 5_000;
const ROLLOUT = 'r1';

const plan: RolloutPlan = {
  ...defaultPlan('verdict sums'),
  lookEverySeconds: 5,
  labelMaturitySeconds: 5,
  prePeriodSeconds: 600,
  stages: [{ ...defaultPlan('x').stages[1]!, shareBps: 5000 }],
  segmentGuardrails: [
    { by: 'deviceType', value: '2', metric: 'ctr', margin: 0.05, action: 'rollback' },
    { by: 'campaign', value: 'camp-a', metric: 'ctr', margin: 0.05, action: 'warn' },
  ],
};
const subject = { rolloutId: ROLLOUT, fleet: 'demo', cell: 'default', agent: 'bid', candidateId: 'bid-2' } as const;
const takeInput = { ...subject, key: 'k', stage: 0, look: 1, plan, openedAtMs: START_MS + 300_000 };

/** Traffic of five minutes before the rollout, then of its first stage, every user in the arm that the hash gives. */
function traffic(): { decisions: DecisionRecord[]; outcomes: Outcome[] } {
  const of = (startMs: number, rolloutId: string, seed: number) => [
    ...sampleEvents({ startMs, requestsPerSecond: 20, rng: draws(seed), rolloutId }, 6000),
  ];
  const before = of(START_MS, '', 3);
  const during = of(START_MS + 300_000, ROLLOUT, 4);
  const named = (id: string, period: string) => `${period}-${id}`;
  const all = [...before.map((e) => ({ ...e, period: 'a' })), ...during.map((e) => ({ ...e, period: 'b' }))];
  const decisions: DecisionRecord[] = [];
  const outcomes: Outcome[] = [];
  for (const { decision, outcomes: later, period } of all) {
    const { userKey, requestId } = decision.inputs.request;
    const arm = period === 'a' ? ('champion' as const) : assignArm(SALT, userKey ?? requestId, 5000);
    const stage = period === 'a' ? -1 : 0;
    const decisionId = named(decision.decisionId, period);
    decisions.push({ ...decision, decisionId, inputs: { ...decision.inputs, arm, stage } });
    for (const outcome of later)
      outcomes.push({ ...outcome, decisionId, outcomeId: named(outcome.outcomeId, period), arm, stage });
  }
  return { decisions, outcomes };
}

describe('what verdicts read beside the bucket sums', () => {
  let lake: OpenLake;
  let sums: VerdictSums;
  let looks: LookTakerService;
  const { decisions, outcomes } = traffic();

  beforeAll(async () => {
    lake = await openLake();
    const { database } = lake;
    await database.query(
      `INSERT INTO rollout (rollout_id, fleet, cell, agent, candidate_id, plan, requested_by, state, reason)
       VALUES ($1, 'demo', 'default', 'bid', 'bid-2', $2, 'ml', 'canary', 'test')`,
      [ROLLOUT, JSON.stringify(plan)],
    );
    const settings = new CellSettings(database);
    await settings.addMissing(database.manager, 'default', {
      layerSalt: SALT,
      rngSeed: 1,
      shadingTable: { '*': 0.8 },
      exchanges: {},
      fx: { base: 'USD', asOfMs: 0, rates: {} },
    });
    sums = new VerdictSums(database, lake.config);
    const prePeriod = new PrePeriod(database, lake.duck, lake.sealer, settings);
    const planned = new PlannedSpendReader(new SnapshotStore(database));
    looks = new LookTakerService(lake.config, lake.kpis, new LookRepository(database), sums, planned, prePeriod);
    const put = (segmentId: string, events: readonly EdgeEvent[]) => {
      const { bytes, sha256 } = segmentOf(events);
      return lake.ingest.ingest('edge-1', segmentId, sha256, bytes);
    };
    await put('s-1', decisions);
    await put('s-2', outcomes);
    // The same events again in another segment change nothing.
    await put('s-3', [...decisions.slice(0, 500), ...outcomes.slice(0, 500)]);
  }, 120_000);
  afterAll(() => lake.close());

  const live = (record: DecisionRecord) => !record.inputs.request.isTest && record.inputs.rolloutId === ROLLOUT;

  test('latencies are counted once per request of the rollout, in both arms', async () => {
    const found = await sums.latencies('default', ROLLOUT, 0, 0);
    const count = (arm: 'canary' | 'control') => found[arm].reduce((total, [, n]) => total + n, 0);
    const expected = (arm: string) =>
      decisions.filter((d) => live(d) && d.inputs.impIndex === 0 && d.inputs.arm === arm).length;
    expect(count('canary')).toBe(expected('canary'));
    expect(count('control')).toBe(expected('champion'));
  });

  test('sums of registered segments are kept for the rollout only, and equal a plain count', async () => {
    const found = await sums.segments('default', ROLLOUT, Date.now() + 60_000);
    expect(found.map(({ by, value }) => `${by} ${value}`)).toEqual(['campaign camp-a', 'deviceType 2']);
    const clicks = outcomes.filter(
      (o) => o.kind === 'click' && !o.isTest && o.rolloutId === ROLLOUT && o.campaignId === 'camp-a',
    ).length;
    expect(found[0]!.rows.reduce((total, row) => total + row.clicks, 0)).toBe(clicks);
  });

  test('the pre-period holds what each arm-to-be did before, frozen at the first look', async () => {
    const evidence = await looks.take(takeInput, Date.now());
    expect(evidence.look).toBe(1);
    const [stored] = await lake.database.query<{ evidence: { inputs: Look } }[]>('SELECT evidence FROM look');
    const { prePeriod, recentLatency, stageLatency, segments, plannedSpendNanos } = stored!.evidence.inputs;
    const total = (arm: 'canary' | 'control', name: 'requests' | 'clicks') =>
      prePeriod![0]![arm].reduce((sum, bucket) => sum + bucket[name], 0);
    const share = Math.round(servedShare(plan.stages[0]!) * 10_000);
    const past = decisions.filter((d) => {
      const { request, rolloutId, impIndex } = d.inputs;
      return !request.isTest && rolloutId === '' && impIndex === 0 && request.userKey !== null;
    });
    const ofArm = (arm: string) => past.filter(({ inputs }) => assignArm(SALT, inputs.request.userKey!, share) === arm);
    expect(total('canary', 'requests')).toBe(ofArm('canary').length);
    expect(total('control', 'requests')).toBe(ofArm('champion').length);
    const ids = new Set(decisions.filter((d) => d.inputs.request.userKey !== null).map((d) => d.decisionId));
    const clicks = outcomes.filter(
      (o) => o.kind === 'click' && !o.isTest && o.rolloutId === '' && ids.has(o.decisionId),
    );
    expect(total('canary', 'clicks') + total('control', 'clicks')).toBe(clicks.length);
    expect(segments).toHaveLength(2);
    expect(recentLatency!.canary.length).toBeGreaterThan(0);
    expect(latencyCount(stageLatency!.canary)).toBeGreaterThanOrEqual(latencyCount(recentLatency!.canary));
    // No snapshot was published in this database: nothing to hold spend against.
    expect(plannedSpendNanos).toBeUndefined();
    await expect(lake.database.query('UPDATE pre_period SET to_ms = to_ms + 1')).rejects.toThrow('immutable');
    await expect(lake.database.query('DELETE FROM pre_period_sum')).rejects.toThrow('immutable');
  });

  test('the linter hears how old each sum is, and of how many user buckets', async () => {
    const facts = new PlanFacts(lake.kpis, sums);
    const { faults } = await facts.findings({ ...plan, feasibility: 'waived', waiverReason: 'test' }, 'default', 'bid');
    expect(faults).toEqual([]);
    const ages = await sums.sumAges('default', Date.now());
    expect(ages.clicks).toBeLessThan(1000);
    const withCpa = { ...plan, metrics: [...plan.metrics, { metric: 'cpa', role: 'guardrail' }] };
    await lake.database.query('UPDATE traffic_tick SET conversions = 0');
    const { faults: stale } = await facts.findings(withCpa, 'default', 'bid');
    expect(stale).toContainEqual({
      pointer: '/plan/metrics/3/metric',
      code: 'NO_FRESH_DATA',
      detail: 'no data was ever seen',
    });
    expect(await sums.userBuckets('default', 0)).toBeGreaterThan(100);
    expect(
      (
        await sums.dispersion(
          'default',
          { numerator: 'valueNanos', denominator: 'eligible', events: 'impressions' },
          3_600_000,
          Date.now(),
        )
      ).perEvent,
    ).toBeGreaterThanOrEqual(1);
  });
});

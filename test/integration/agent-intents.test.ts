import { rmSync } from 'node:fs';
import { TICK_MS } from '#domain/contracts/agent-intents';
import type { HeartbeatResponse } from '#domain/contracts/edge-protocol';
import type { PolicySnapshot } from '#domain/contracts/policy-snapshot';
import type { Signed } from '#domain/contracts/signed';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import { AgentSums } from '#domain/lake/agent-sums';
import { sampleEvents } from '#domain/lake/sample-events';
import { ActiveIntents } from '../../apps/control-plane/src/agents/active-intents';
import { ConflictLedger } from '../../apps/control-plane/src/agents/conflict-ledger.service';
import { SlowDecisions } from '../../apps/control-plane/src/agents/slow-decisions.service';
import { addToAgentTables } from '../../apps/control-plane/src/lake/agent-sums-writer';
import { IntentRepository } from '../../apps/control-plane/src/ledger/intent.repository';
import { startDuties } from '../../apps/control-plane/src/application';
import { PointerRepository } from '../../apps/control-plane/src/registry/pointer.repository';
import { campaignInput, ControlPlaneHarness, creativeInput } from './control-plane-harness';
import { shippedFolder } from './control-plane-shipped';
import { draws } from './open-lake';

const HOUR_MS = 3_600_000;

describe('intents of the agents', () => {
  let plane: ControlPlaneHarness;
  let shipped: string;
  const campaigns: string[] = [];
  const creatives: string[] = [];
  /** Just after a tick has closed and its events have arrived. */
  const NOW = Math.floor(Date.now() / TICK_MS) * TICK_MS + 120_000;

  beforeAll(async () => {
    shipped = shippedFolder();
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR: shipped });
    await startDuties(plane.app);
    const { body: advertiser } = await plane.call<{ advertiserId: string }>('POST', '/api/v1/advertisers', {
      body: { name: 'Two', domain: 'two.example', dailyBudgetMicros: 12_000_000 },
    });
    for (const name of ['good', 'bad']) {
      const body = campaignInput(advertiser.advertiserId, { name, timeZone: 'UTC' });
      const { body: made } = await plane.call<{ campaignId: string }>('POST', '/api/v1/campaigns', { body });
      campaigns.push(made.campaignId);
      for (const variant of ['1', '2']) {
        const { body: creative } = await plane.call<{ creativeId: string }>('POST', '/api/v1/creatives', {
          body: creativeInput(made.campaignId, { name: variant }),
        });
        creatives.push(creative.creativeId);
      }
    }
    await seedSums();
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(shipped, { recursive: true });
  });

  /** The first campaign earns, the second loses; the first creative is worn out on `demo`, whose returns are bad as a whole. */
  async function seedSums(): Promise<void> {
    const hourMs = Math.floor(NOW / HOUR_MS) * HOUR_MS;
    const query = (sql: string, values: unknown[]) => plane.database.query(sql, values);
    for (const [at, [valueNanos, spendNanos]] of [
      [30e9, 10e9],
      [5e9, 10e9],
    ].entries()) {
      await query(
        `INSERT INTO campaign_rollup (cell, campaign_id, arm, bucket_ms, bids, wins, impressions, clicks, conversions, value_nanos, spend_nanos)
         VALUES ('default', $1, 'champion', $2, 10, 10, 10, 10, 0, $3, $4)`,
        [campaigns[at], NOW - 86_400_000, valueNanos, spendNanos],
      );
      await query(`INSERT INTO pacing_tick VALUES ('default', $1, $2, 100, 80000000, 100000000)`, [
        NOW - 120_000 - TICK_MS,
        campaigns[at],
      ]);
    }
    const creative = (hour: number, id: string, exchange: string, sums: number[]) =>
      query(`INSERT INTO creative_hour VALUES ('default', $1, $2, $3, $4, $5, $6, $7, $8, $9)`, [
        hourMs - hour * HOUR_MS,
        exchange,
        id,
        ...sums,
      ]);
    await creative(1, creatives[0]!, 'demo', [1_000, 600, 0, 0, 0, 0]);
    await creative(2, creatives[1]!, 'demo', [1_000, 10, 900, 100, 10e9, 40e9]);
    await creative(2, creatives[2]!, 'other', [1_000, 10, 900, 100, 80e9, 40e9]);
  }

  const decisions = () => plane.app.get(SlowDecisions, { strict: false });
  const active = async () => {
    const { body } = await plane.call<{ items: { kind: string; subject: string; action: Record<string, unknown> }[] }>(
      'GET',
      '/api/v1/intents/active',
      { as: 'vera' },
    );
    return body.items;
  };
  const newest = async (): Promise<PolicySnapshot> =>
    JSON.parse(
      (await plane.call<Signed>('GET', '/edge/v1/snapshot?waitMs=0', { as: 'edge' })).body.payload,
    ) as PolicySnapshot;
  /** The message has reached its consumer and the snapshot carries what it told of. */
  async function delivered(): Promise<void> {
    for (let n = 0; n < 200; n += 1) {
      const [row] = (await plane.database.query('SELECT count(*)::int AS n FROM message_delivery')) as { n: number }[];
      if (row!.n === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('messages were not delivered');
  }

  test('are published once, from what the sums say, with their lifetimes', async () => {
    const rounds = await Promise.all([decisions().publishDue(NOW), decisions().publishDue(NOW)]);
    await delivered();
    expect(rounds[0]! + rounds[1]!).toBeGreaterThan(0);
    const intents = await active();
    const of = (kind: string) => intents.filter((intent) => intent.kind === kind).map(({ action }) => action);
    expect(of('frequency.saturated')).toEqual([{ creativeId: creatives[0], segment: 'demo|300x250' }]);
    expect(of('bid.conservative')).toEqual([{ segment: 'demo|300x250' }]);
    expect(of('pacing.target')).toEqual(
      expect.arrayContaining(campaigns.map((campaignId) => ({ campaignId, multiplier: 0.8, passThrough: 1 }))),
    );
    expect(of('creative.explore')).toContainEqual({ campaignId: campaigns[0], allowance: 0.1 });
    const amounts = of('budget.allocated').filter(({ campaignId }) => campaigns.includes(String(campaignId)));
    expect(amounts.reduce((sum, { amountMicros }) => sum + Number(amountMicros), 0)).toBeLessThanOrEqual(12_000_000);
    const [good, bad] = campaigns.map(
      (id) => Number(amounts.find(({ campaignId }) => campaignId === id)!.amountMicros) / 1e6,
    );
    expect(good).toBeGreaterThan(9);
    expect(bad).toBeLessThan(3);
    const before = (await plane.call<{ items: unknown[] }>('GET', '/api/v1/intents?limit=200')).body.items.length;
    expect(await decisions().publishDue(NOW + 60_000)).toBe(0);
    expect((await plane.call<{ items: unknown[] }>('GET', '/api/v1/intents?limit=200')).body.items).toHaveLength(
      before,
    );
    const [saturated] = (await plane.app.get(IntentRepository).list({ limit: 1, kind: 'frequency.saturated' })).items;
    expect(saturated).toMatchObject({ publisher: 'frequency', expiresAt: new Date(NOW + 6 * HOUR_MS).toISOString() });
    expect(saturated!.reason).toMatch(/60.0 % of 1000 bids were a fourth exposure/);
  });

  test('reach the edges in the snapshot, and an allocation bounds what leases give', async () => {
    const { agentIntents } = await newest();
    expect(agentIntents?.saturated).toEqual([
      { creativeId: creatives[0], segment: 'demo|300x250', expiresAtMs: NOW + 6 * HOUR_MS },
    ]);
    const { body } = await plane.call<HeartbeatResponse>('POST', '/edge/v1/heartbeat', {
      as: 'edge',
      body: {
        ...{ edgeId: 'edge-1', fleet: 'demo', bootId: 'boot-1', sentAtMs: Date.now(), snapshotId: null },
        ...{ snapshotVersion: null, refusedSnapshot: null, servingCanary: null, killLevel: 'none' },
        ...{ quarantinedAgents: [], counters: {}, outboxBytes: 0, grants: [] },
      },
    });
    const plans = campaigns.map((id) => body.grants.find((grant) => grant.campaignId === id)!.dayPlanNanos / 1e9);
    const allocated = agentIntents!.allocations.filter(({ campaignId }) => campaigns.includes(campaignId));
    for (const [at, campaignId] of campaigns.entries()) {
      expect(plans[at]! * 1e6).toBeCloseTo(allocated.find((one) => one.campaignId === campaignId)!.amountMicros, 0);
    }
    expect(plans[0]! + plans[1]!).toBeLessThanOrEqual(12);
  });

  test('an older message does not undo a newer intent; an expired one is not carried', async () => {
    const projection = plane.app.get(ActiveIntents, { strict: false });
    const messageOf = (seq: number, expiresAt: string) => ({
      messageId: `old/${seq}`,
      topic: 'ledger.appended' as const,
      schemaVersion: 1,
      producedAt: new Date().toISOString(),
      payload: {
        ...{ key: `k${seq}`, kind: 'bid.conservative', publisher: 'bid', subject: 'x|1x1', reason: `seq ${seq}` },
        ...{ action: { segment: 'x|1x1' }, expiresAt, seq, recordedAt: '', previousHash: '', hash: '' },
      },
    });
    const later = new Date(NOW + HOUR_MS).toISOString();
    await projection.apply([messageOf(1_000_002, later)], plane.database.manager);
    await projection.apply([messageOf(1_000_001, later), messageOf(1_000_000, later)], plane.database.manager);
    const of = async (atMs: number) =>
      (await projection.list(atMs)).filter(({ subject }) => subject === 'x|1x1').map(({ reason }) => reason);
    expect(await of(NOW)).toEqual(['seq 1000002']);
    expect(await of(NOW + HOUR_MS)).toEqual([]);
    await expect(
      projection.apply([{ ...messageOf(9, later), schemaVersion: 2 }], plane.database.manager),
    ).rejects.toThrow(/version 2 is not known/);
  });

  test('a change of what people allow is allocated anew the same day', async () => {
    await plane.call('PATCH', `/api/v1/campaigns/${campaigns[0]}`, {
      body: { dailyBudgetMicros: 20_000_000 },
      headers: { 'if-match': '*' },
    });
    expect(await decisions().publishDue(NOW + 120_000)).toBeGreaterThanOrEqual(2);
    await delivered();
    const allocated = (await active()).filter(({ action }) => campaigns.includes(String(action.campaignId)));
    const sum = allocated
      .filter(({ kind }) => kind === 'budget.allocated')
      .reduce((total, { action }) => total + Number(action.amountMicros), 0);
    expect(sum).toBeLessThanOrEqual(12_000_000);
    expect(sum).toBeGreaterThan(11_999_000);
  });
});

describe('conflicts in the ledger', () => {
  let plane: ControlPlaneHarness;
  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
  });
  afterAll(() => plane.stop());

  const HOUR = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 5 * HOUR_MS;
  const conflict = (rule: string) => ({ rule, winner: 'frequency', loser: 'budget', before: 1, after: 0 });
  const ingest = async (rules: string[][], atMs: number) => {
    const sums = new AgentSums('default');
    const events = [...sampleEvents({ startMs: atMs, requestsPerSecond: 100, rng: draws(1) }, rules.length)];
    rules.forEach((named, at) => {
      const { decision } = events[at]!;
      const record: DecisionRecord = { ...decision, outputs: { ...decision.outputs, conflicts: named.map(conflict) } };
      record.inputs.request.isTest = false;
      sums.addDecision(record);
    });
    await addToAgentTables(plane.database.manager, sums.delta());
  };
  const sumDue = (nowMs: number) => plane.app.get(ConflictLedger, { strict: false }).sumDue('default', nowMs);
  const summed = async () =>
    (await plane.app.get(IntentRepository).list({ limit: 50, kind: 'conflicts.summed' })).items
      .reverse()
      .map(({ action, subject }) => ({ subject, ...action }));

  test('each hour once, when it is over; what arrives later as a sum of its own; nothing twice', async () => {
    await ingest(
      [['bid-cap'], ['bid-cap', 'frequency-cap-over-spend:camp-a'], ['frequency-cap-over-spend:camp-b']],
      HOUR,
    );
    expect(await sumDue(HOUR + HOUR_MS + 14 * 60_000)).toBe(0);
    const due = HOUR + HOUR_MS + 16 * 60_000;
    await Promise.all([sumDue(due), sumDue(due), sumDue(due)]);
    const subject = `default/${new Date(HOUR).toISOString()}`;
    const row = (rule: string, conflicts: number) => ({
      arm: 'champion',
      rule,
      winner: 'frequency',
      loser: 'budget',
      conflicts,
    });
    const first = {
      subject,
      hour: new Date(HOUR).toISOString(),
      isLate: false,
      sums: [row('bid-cap', 2), row('frequency-cap-over-spend', 2)],
    };
    expect(await summed()).toEqual([first]);
    await ingest([['bid-cap']], HOUR + 60_000);
    await sumDue(due);
    await sumDue(due);
    expect(await summed()).toEqual([first, { ...first, isLate: true, sums: [row('bid-cap', 1)] }]);
  });

  test('deployments and approvals are entries of the ledger, in the transaction that makes them', async () => {
    const pointers = plane.app.get(PointerRepository, { strict: false });
    await plane.database.query(
      `INSERT INTO model_version (model_version_id, agent, family, manifest, gates_passed, created_by, registration_key)
       VALUES ('m1', 'bid', 'multi-agent', '{}', true, 'test', 'm1')`,
    );
    const move = {
      ...{ key: 'rollout/r/promote/1', cell: 'default', agent: 'bid' as const, role: 'champion' as const, to: 'm1' },
      ...{ expected: null, rolloutId: null, actor: 'alice', reason: 'better', evidenceDigest: 'd' },
    };
    const undone = plane.database.transaction(async (manager) => {
      await pointers.move({ ...move, key: 'undone' }, manager);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    await plane.database.transaction((manager) => pointers.move(move, manager));
    await plane.database.transaction((manager) => pointers.move(move, manager));
    const { items } = await plane.app.get(IntentRepository).list({ limit: 10, kind: 'deployment.moved' });
    expect(items).toMatchObject([
      {
        subject: 'default/bid/champion',
        action: { from: null, to: 'm1', actor: 'alice', evidenceDigest: 'd' },
        reason: 'better',
      },
    ]);
  });

  test('a call refused for its role is in the audit, and so is one that acted; the audit is for on-call', async () => {
    expect((await plane.call('POST', '/api/v1/advertisers', { as: 'vera', body: {} })).status).toBe(403);
    await plane.call('POST', '/api/v1/advertisers', { as: 'adam', body: { name: 'A', domain: 'a.example' } });
    const { body } = await plane.call<{ items: object[] }>('GET', '/api/v1/audit?limit=2', { as: 'oscar' });
    expect(body.items).toMatchObject([
      { actor: 'adam', method: 'POST', path: '/api/v1/advertisers', code: 'done' },
      { actor: 'vera', method: 'POST', path: '/api/v1/advertisers', code: 'forbidden' },
    ]);
    expect((await plane.call('GET', '/api/v1/audit', { as: 'vera' })).status).toBe(403);
    expect((await plane.call('GET', '/api/v1/audit/verification', { as: 'vera' })).body).toMatchObject({ ok: true });
  });
});

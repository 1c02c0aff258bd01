import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import type { EdgeEvent } from '#domain/contracts/segment';
import { sampleEvents } from '#domain/lake/sample-events';
import { ProblemError } from '../../apps/control-plane/src/problems/problem-error';
import { draws, inParts, openLake, segmentOf, type OpenLake } from './open-lake';

const START_MS = Math.floor((Date.now() - 600_000) / 5_000) * 5_000;

function sample(seed: number, requests: number) {
  const traffic = { startMs: START_MS, requestsPerSecond: 20, rng: draws(seed), rolloutId: 'r1' };
  const all = [...sampleEvents(traffic, requests)];
  const decisions: EdgeEvent[] = all.map(({ decision }) => decision);
  const outcomes: EdgeEvent[] = all.flatMap(({ outcomes }) => outcomes);
  return { decisions, outcomes, events: [...decisions, ...outcomes] };
}

const put = (lake: OpenLake, segmentId: string, events: readonly EdgeEvent[]) => {
  const { bytes, sha256 } = segmentOf(events);
  return lake.ingest.ingest('edge-1', segmentId, sha256, bytes);
};

describe('segment ingest', () => {
  const lakes: OpenLake[] = [];
  const open = async () => {
    const lake = await openLake();
    lakes.push(lake);
    return lake;
  };
  afterEach(async () => {
    for (const lake of lakes.splice(0)) await lake.close();
  });

  test('the same segment again, also at once, changes nothing', async () => {
    const lake = await open();
    const { events } = sample(1, 100);
    const first = await Promise.all([1, 2, 3, 4].map(() => put(lake, 'b-000001', events)));
    expect(first.map(({ status }) => status).sort()).toEqual(['duplicate', 'duplicate', 'duplicate', 'ingested']);
    const digest = await lake.kpis.rowDigest('default');
    expect(await put(lake, 'b-000001', events)).toEqual({ status: 'duplicate', events: events.length });
    expect(await lake.kpis.rowDigest('default')).toEqual(digest);
    expect((await lake.reconciliation.reconcile()).broken).toEqual([]);
  });

  test('the same id with other bytes is a conflict and the first content stays', async () => {
    const lake = await open();
    const { events } = sample(2, 20);
    await put(lake, 'b-000001', events);
    await expect(put(lake, 'b-000001', events.slice(1))).rejects.toMatchObject({ code: 'conflict' });
    const record = (events[0] as { decisionId: string }).decisionId;
    expect((await lake.decisions.explained(record))?.record).toEqual(events[0]);
  });

  test('a conversion outside its window is kept with its decision, and counts and brings nothing', async () => {
    const lake = await open();
    const { decisions, outcomes } = sample(11, 200);
    const isConversion = (event: EdgeEvent): boolean => event.type === 'outcome' && event.kind === 'conversion';
    const late = outcomes.map((event) =>
      isConversion(event)
        ? { ...event, touch: 'click' as const, touchedAtMs: START_MS - 60_000, windowMs: 60_000 }
        : event,
    );
    const told = outcomes.filter(isConversion).length;
    expect(told).toBeGreaterThan(0);
    await put(lake, 'b-000001', [...decisions, ...late]);
    const { broken, balances, outcomes: kinds } = await lake.reconciliation.reconcile();
    expect(broken).toEqual([]);
    expect(balances.find(({ quantity }) => quantity === 'conversions')).toMatchObject({ events: 0, rollups: 0 });
    expect(kinds).toMatchObject({ 'outside-window': told });
    const one = late.find(isConversion) as { decisionId: string };
    expect((await lake.decisions.explained(one.decisionId))?.explain).toMatch(/converted when its window was over/);
  });

  test('a torn segment, a wrong hash and an unknown event store nothing', async () => {
    const lake = await open();
    const { bytes } = segmentOf(sample(3, 10).events);
    const torn = bytes.subarray(0, bytes.length - 3);
    const { createHash } = await import('node:crypto');
    const hashOf = (content: Buffer) => createHash('sha256').update(content).digest('hex');
    const refused = { code: 'invalid-segment' };
    await expect(lake.ingest.ingest('edge-1', 's', hashOf(torn), torn)).rejects.toMatchObject(refused);
    await expect(lake.ingest.ingest('edge-1', 's', hashOf(torn), bytes)).rejects.toMatchObject(refused);
    const foreign = segmentOf([{ type: 'weather' } as unknown as EdgeEvent]);
    await expect(lake.ingest.ingest('edge-1', 's', foreign.sha256, foreign.bytes)).rejects.toMatchObject(refused);
    const counts = await lake.database.query<{ n: string }[]>(
      'SELECT (SELECT count(*) FROM segment) + (SELECT count(*) FROM kpi_rollup) + (SELECT count(*) FROM outcome) AS n',
    );
    expect(Number(counts[0]?.n)).toBe(0);
  });

  test('sums do not depend on order, on the split into segments, on repeated or late outcomes', async () => {
    const { decisions, outcomes, events } = sample(4, 400);
    const plain = await open();
    for (const [at, part] of inParts(events, 200).entries()) await put(plain, `b-${at}`, part);
    const shuffled = await open();
    const rng = draws(9);
    const mixed = events
      .map((event) => ({ event, at: rng() }))
      .sort((a, b) => a.at - b.at)
      .map(({ event }) => event);
    const repeated = [...outcomes.slice(0, 50), ...decisions.slice(0, 50)];
    const parts = [...inParts(mixed, 37), repeated, [...repeated, ...repeated.slice(0, 10)]];
    await Promise.all(parts.map((part, at) => put(shuffled, `x-${at}`, part)));
    expect(await shuffled.kpis.rowDigest('default')).toEqual(await plain.kpis.rowDigest('default'));
    for (const table of [
      'campaign_rollup',
      'traffic_tick',
      'agent_minute',
      'creative_stat',
      'stage_user',
      'latency_rollup',
    ]) {
      const rows = (lake: OpenLake) => lake.database.query<unknown[]>(`SELECT * FROM ${table} t ORDER BY t::text`);
      expect(await rows(shuffled)).toEqual(await rows(plain));
    }
    const { broken, duplicates, orphans } = await shuffled.reconciliation.reconcile();
    expect({ broken, orphans }).toEqual({ broken: [], orphans: 0 });
    expect(duplicates).toEqual({ decisions: 100, outcomes: 110 });
  });

  test('connections cut at any moment lose nothing and count nothing twice: the edge ships again until it is taken', async () => {
    const { events } = sample(7, 6000);
    const parts = inParts(events, 60);
    const shaken = await open();
    const axe = new Client({ connectionString: shaken.config.databaseUrl });
    await axe.connect();
    let cuts = 0;
    let done = false;
    const cutting = (async () => {
      while (!done) {
        const { rowCount } = await axe.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`,
        );
        cuts += rowCount ?? 0;
        await sleep(20);
      }
    })();
    const shipped = async (at: number) => {
      for (let attempt = 1; attempt <= 200; attempt += 1) {
        try {
          return await put(shaken, `b-${at}`, parts[at]!);
        } catch (error) {
          if (error instanceof ProblemError) throw error;
          await sleep(5);
        }
      }
      throw new Error(`segment ${at} was never taken`);
    };
    // A fast machine ships many segments between two cuts: go on until enough of them were hit.
    let taken = 0;
    while (taken < parts.length && (taken < 10 || cuts <= 3)) await shipped(taken++);
    done = true;
    await cutting;
    await axe.end();
    expect(cuts).toBeGreaterThan(3);
    const calm = await open();
    for (let at = 0; at < taken; at += 1) await put(calm, `b-${at}`, parts[at]!);
    expect(await shaken.kpis.rowDigest('default')).toEqual(await calm.kpis.rowDigest('default'));
    expect((await shaken.reconciliation.reconcile()).broken).toEqual([]);
    await shaken.sealer.sealNow();
    expect(await shaken.sealer.sealNow()).toEqual({ segments: 0, files: 0, rows: 0 });
  });

  test('an outcome whose decision has not arrived counts, shows as an orphan, and is joined later', async () => {
    const lake = await open();
    const { decisions, outcomes } = sample(5, 60);
    await put(lake, 'b-000002', outcomes);
    const before = await lake.reconciliation.reconcile();
    expect(before.broken).toEqual([]);
    expect(before.orphans).toBe(outcomes.length);
    await put(lake, 'b-000001', decisions);
    expect((await lake.reconciliation.reconcile()).orphans).toBe(0);
    const { decisionId } = outcomes[0] as { decisionId: string };
    const explained = await lake.decisions.explained(decisionId);
    expect(explained?.outcomes.length).toBeGreaterThan(0);
    expect(explained?.explain).toMatch(/^Bid \d/);
  });

  test('repositories: sums, stage users, agent health, recent bids, export, status', async () => {
    const lake = await open();
    const { decisions, events } = sample(6, 500);
    await put(lake, 'b-000001', events);
    const sums = await lake.kpis.sums({ cell: 'default', rolloutId: 'r1', untilMs: START_MS + 15_000 });
    expect(new Set(sums.map(({ bucketMs }) => bucketMs))).toEqual(
      new Set([0, 5_000, 10_000].map((ms) => START_MS + ms)),
    );
    const all = await lake.kpis.sums({ cell: 'default', untilMs: Date.now() });
    const stage = await lake.kpis.stageSums({ cell: 'default', rolloutId: 'r1', untilMs: Date.now() });
    const bids = (rows: { bids: number }[]) => rows.reduce((sum, row) => sum + row.bids, 0);
    expect(bids(stage)).toBe(bids(all));
    const users = await lake.kpis.stageUsers('r1', 1);
    expect(users.champion).toBeGreaterThan(users.canary);
    const health = await lake.kpis.agentHealth(3_600_000, 'default');
    expect(health.map(({ agent }) => agent)).toEqual(['bid', 'budget', 'creative', 'frequency']);
    const bid = health[0]!;
    expect(bid.fallbacks).toBe(bid.modes.baseline);
    expect(health[2]).toMatchObject({ fallbacks: 0 });
    const [page] = [await lake.decisions.recentBids(5, null)];
    expect(page).toHaveLength(6);
    const last = page[4]!;
    const next = await lake.decisions.recentBids(5, last);
    expect(next[0]).toEqual(page[5]);
    const lines: string[] = [];
    for await (const line of lake.decisions.lastRecords(100)) lines.push(line);
    expect(lines.length).toBeGreaterThanOrEqual(100);
    expect(lines.length).toBeLessThan(105);
    const records = [...decisions].reverse() as DecisionRecord[];
    const byClock = records.filter(({ outputs }) => ['too-late', 'internal-error'].includes(outputs.noBidReason ?? ''));
    const unrepeatable = new Set(byClock.map(({ inputs }) => inputs.request.requestId));
    const newest = records.filter(({ inputs }) => !unrepeatable.has(inputs.request.requestId));
    const exported = new Set(lines.map((line) => (JSON.parse(line) as { decisionId: string }).decisionId));
    expect(newest.slice(0, 100).every(({ decisionId }) => exported.has(decisionId))).toBe(true);
    const status = await lake.status.status(START_MS + 35_000);
    expect(status.requestsPerSecond).toBeCloseTo(16.3, 0);
    expect(status.lastBids).toHaveLength(10);
  });
});

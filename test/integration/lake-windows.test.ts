import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EdgeEvent } from '#domain/contracts/segment';
import { sampleEvents } from '#domain/lake/sample-events';
import { parquetOf, streamRows } from '../../apps/control-plane/src/lake/duck-lake';
import { lakeFiles } from '../../apps/control-plane/src/lake/parquet-sealer.service';
import type { FrozenBid } from '../../apps/control-plane/src/lake/window.service';
import { draws, inParts, openLake, segmentOf, type OpenLake } from './open-lake';

/** Crosses an hour, so that a batch makes two partitions. */
const HOUR_MS = 3_600_000;
const START_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - HOUR_MS - 10_000;
const END_MS = START_MS + 600_000;

function events(seed: number, requests: number) {
  const all = [...sampleEvents({ startMs: START_MS, requestsPerSecond: 20, rng: draws(seed) }, requests)];
  return { all, flat: all.flatMap(({ decision, outcomes }): EdgeEvent[] => [decision, ...outcomes]) };
}

async function fill(lake: OpenLake, parts: EdgeEvent[][]): Promise<void> {
  for (const [at, part] of parts.entries()) {
    const { bytes, sha256 } = segmentOf(part);
    await lake.ingest.ingest('edge-1', `b-${at}`, sha256, bytes);
  }
}

async function rowsOf(
  lake: OpenLake,
  sql: (from: string) => string,
  dataset: 'decisions' | 'outcomes',
): Promise<unknown[][]> {
  const files = await lakeFiles(lake.duck, lake.database, dataset, 0, Number.MAX_SAFE_INTEGER);
  return lake.duck.with(async (connection) => {
    const rows: unknown[][] = [];
    for await (const row of streamRows(connection, sql(parquetOf(files)))) rows.push(row);
    return rows;
  });
}

describe('the lake', () => {
  const lakes: OpenLake[] = [];
  const open = async () => {
    const lake = await openLake();
    lakes.push(lake);
    return lake;
  };
  afterEach(async () => {
    for (const lake of lakes.splice(0)) await lake.close();
  });

  test('seals every event once into Parquet by hour, whatever was repeated, and keeps the record whole', async () => {
    const lake = await open();
    const { all, flat } = events(1, 600);
    await fill(lake, [...inParts(flat, 250), flat.slice(0, 100), flat.slice(50, 120)]);
    const report = await lake.sealer.sealNow();
    expect(report).toMatchObject({ segments: inParts(flat, 250).length + 2, files: 4 });
    expect(await lake.sealer.sealNow()).toEqual({ segments: 0, files: 0, rows: 0 });
    const [[decisions, distinct]] = (await rowsOf(
      lake,
      (from) => `SELECT count(*), count(DISTINCT decision_id) FROM ${from}`,
      'decisions',
    )) as [bigint[]];
    expect([Number(decisions), Number(distinct)]).toEqual([all.length, all.length]);
    const [[outcomes]] = (await rowsOf(lake, (from) => `SELECT count(*) FROM ${from}`, 'outcomes')) as [bigint[]];
    expect(Number(outcomes)).toBe(all.flatMap((one) => one.outcomes).length);
    const sought = all[7]!.decision;
    const [[record]] = (await rowsOf(
      lake,
      (from) => `SELECT record FROM ${from} WHERE decision_id = '${sought.decisionId}'`,
      'decisions',
    )) as [string[]];
    expect(JSON.parse(record!)).toEqual(sought);
    expect(await readdir(join(lake.home, 'lake', 'parquet', 'decisions'))).toHaveLength(2);
    expect(await readdir(join(lake.home, 'lake', 'tmp'))).toEqual(['duckdb']);
  });

  test('two sealers at once and a crash between files and manifest leave every event once', async () => {
    const lake = await open();
    const { all, flat } = events(2, 300);
    await fill(lake, inParts(flat, 60));
    await Promise.all([lake.sealer.sealNow(), lake.sealer.sealNow(), lake.sealer.sealIfDue(0, 0)]);
    // A crash after the files and before the commit: the manifest and the marks are as before.
    await lake.database.query('DELETE FROM lake_file');
    await lake.database.query('UPDATE segment SET parquet_batch = NULL');
    await lake.sealer.sealNow();
    const [[count]] = (await rowsOf(lake, (from) => `SELECT count(*) FROM ${from}`, 'decisions')) as [bigint[]];
    expect(Number(count)).toBe(all.length);
  });

  test('the same data freeze to the same window, in any segment order; one more outcome changes the hash', async () => {
    const { all, flat } = events(3, 500);
    const range = { fromMs: START_MS, toMs: END_MS };
    const first = await open();
    await fill(first, inParts(flat, 120));
    const second = await open();
    await fill(second, inParts([...flat].reverse(), 77));
    const window = await first.windows.freeze(range);
    expect(await first.windows.freeze(range)).toEqual(window);
    expect(await second.windows.freeze(range)).toEqual(window);

    const bids = all.filter(({ decision }) => decision.outputs.noBidReason === null && !decision.inputs.request.isTest);
    expect(window).toMatchObject({
      rows: bids.length,
      wins: bids.filter(({ outcomes }) => outcomes.length >= 2).length,
    });
    const rows = await second.windows.winRows(window.windowId);
    expect(rows).toHaveLength(window.rows);
    const noticed = (kind: string) => kind === 'win' || kind === 'bill' || kind === 'loss';
    const expected: FrozenBid[] = bids.map(({ decision, outcomes }) => ({
      decisionId: decision.decisionId,
      decidedAtMs: decision.inputs.nowMs,
      userKey: decision.inputs.request.userKey,
      clicked: outcomes.some(({ kind }) => kind === 'click'),
      noticeAtMs: outcomes.find(({ kind }) => noticed(kind))?.atMs ?? null,
      gridMass: decision.outputs.propensity!.gridMass,
      bidMicros: decision.outputs.bidMicros,
      won: outcomes.some(({ kind }) => kind === 'win'),
      minToWinMicros: outcomes.find(({ minToWinMicros }) => minToWinMicros !== null)?.minToWinMicros ?? null,
      features: Float32Array.from(decision.outputs.features),
    }));
    const inOrder = (list: FrozenBid[]) =>
      [...list].sort((a, b) => a.bidMicros - b.bidMicros || a.features[0]! - b.features[0]!);
    expect(inOrder(rows)).toEqual(inOrder(expected));
    const traffic = await first.windows.trafficByHourOfWeek(window.windowId);
    const requests = all.filter(({ decision }) => decision.inputs.impIndex === 0 && !decision.inputs.request.isTest);
    expect(traffic.reduce((sum, count) => sum + count)).toBe(requests.length);

    const silent = bids.find(({ outcomes }) => outcomes.length === 0)!;
    const bill = all.flatMap(({ outcomes }) => outcomes).find(({ kind }) => kind === 'bill')!;
    const { bytes, sha256 } = segmentOf([
      { ...bill, decisionId: silent.decision.decisionId, decidedAtMs: silent.decision.inputs.nowMs },
    ]);
    await first.ingest.ingest('edge-1', 'late', sha256, bytes);
    const later = await first.windows.freeze(range);
    expect(later.contentSha256).not.toBe(window.contentSha256);
    expect(later.wins).toBe(window.wins + 1);
    expect(await first.windows.winRows(window.windowId)).toHaveLength(window.rows);
    await expect(first.database.query('UPDATE training_window SET rows = 1')).rejects.toThrow(/immutable/);
  });

  test('a window is thinned to maxRows by the ids alone, ends before immature bids, and is refused when empty', async () => {
    const lake = await open();
    const { flat } = events(4, 300);
    await fill(lake, inParts(flat, 100));
    const thin = await lake.windows.freeze({ fromMs: START_MS, toMs: END_MS, maxRows: 50 });
    expect(thin.rows).toBe(50);
    expect(await lake.windows.freeze({ fromMs: START_MS, toMs: END_MS, maxRows: 50 })).toEqual(thin);
    const mature = await lake.windows.freeze({ fromMs: START_MS, toMs: Date.now() + HOUR_MS });
    expect(mature.toMs).toBeLessThanOrEqual(Date.now() - 15_000);
    await expect(lake.windows.freeze({ fromMs: 1, toMs: 2 })).rejects.toMatchObject({ code: 'EMPTY_WINDOW' });
    await expect(lake.windows.freeze({ fromMs: Date.now(), toMs: Date.now() + 1 })).rejects.toMatchObject({
      code: 'EMPTY_WINDOW',
    });
  });

  test('decisions of incidents do not train; what was left out is recorded, and an ended one leaves later bids in', async () => {
    const lake = await open();
    const { all, flat } = events(7, 500);
    await fill(lake, inParts(flat, 120));
    const range = { fromMs: START_MS, toMs: END_MS };
    const whole = await lake.windows.freeze(range);
    expect(whole).toMatchObject({ excluded: [], excludedRows: 0 });
    const [fromMs, toMs] = [START_MS + 5_000, START_MS + 12_000];
    const { incidentId } = await lake.incidents.open({
      ...{ cell: 'default', from: new Date(fromMs), to: null, reason: 'prices were in cents', by: 'oscar' },
    });
    const open1 = await lake.windows.freeze(range);
    const closed = await lake.incidents.close(incidentId, new Date(toMs), 'oscar');
    expect(closed).toMatchObject({ to: new Date(toMs).toISOString(), closedBy: 'oscar' });
    const window = await lake.windows.freeze(range);
    const isBid = ({ decision }: (typeof all)[number]) =>
      decision.outputs.noBidReason === null && !decision.inputs.request.isTest;
    const within = all
      .filter(isBid)
      .filter(({ decision: { inputs } }) => inputs.nowMs >= fromMs && inputs.nowMs < toMs);
    expect(within.length).toBeGreaterThan(50);
    expect(window).toMatchObject({ rows: whole.rows - within.length, excludedRows: within.length });
    expect(window.excluded).toMatchObject([
      { incidentId, fromMs, toMs, rolloutId: null, reason: 'prices were in cents' },
    ]);
    expect(open1.rows).toBeLessThan(window.rows);
    expect(new Set([whole.windowId, open1.windowId, window.windowId]).size).toBe(3);
    const rows = await lake.windows.winRows(window.windowId);
    expect(rows.some((row) => row.decidedAtMs >= fromMs && row.decidedAtMs < toMs)).toBe(false);
    expect(await lake.windows.profile(window.windowId)).toMatchObject({
      ...{ seen: window.rows, unusable: 0, expected: window.rows },
    });
    // Of another cell, or of a rollout that served none of these decisions: nothing is left out.
    await lake.incidents.open({ cell: 'other', from: new Date(0), to: null, reason: 'elsewhere', by: 'oscar' });
    expect((await lake.windows.freeze(range)).windowId).toBe(window.windowId);
    await expect(lake.database.query(`UPDATE incident_window SET reason = 'x'`)).rejects.toThrow(
      /only ever closed once/,
    );
  });

  test('bids without a usable feature row, and rows lost from the lake, show in the profile of a window', async () => {
    const lake = await open();
    const { flat } = events(8, 300);
    const broken = flat.map((event, at) =>
      event.type === 'decision' && at % 9 === 0 ? { ...event, outputs: { ...event.outputs, features: [1, 2] } } : event,
    );
    await fill(lake, [broken]);
    const window = await lake.windows.freeze({ fromMs: START_MS, toMs: END_MS });
    const profile = await lake.windows.profile(window.windowId);
    expect(profile.unusable).toBeGreaterThan(0);
    expect(profile.seen).toBe(window.rows + profile.unusable);
    expect(profile.expected).toBe(profile.seen);
    // A file of the lake is lost: the index of decisions remembers its bids.
    await lake.database.query(
      `DELETE FROM lake_file WHERE dataset = 'decisions' AND hour = (SELECT max(hour) FROM lake_file)`,
    );
    const less = await lake.windows.freeze({ fromMs: START_MS, toMs: END_MS });
    const short = await lake.windows.profile(less.windowId);
    expect(short.expected - short.seen).toBe(profile.seen - short.seen);
    expect(short.seen).toBeLessThan(profile.seen);
  });

  test('merges the small files of a closed hour into one; windows and explanations stay the same', async () => {
    const lake = await open();
    const { all, flat } = events(6, 300);
    for (const [at, part] of inParts(flat, 30).entries()) {
      const { bytes, sha256 } = segmentOf(part);
      await lake.ingest.ingest('edge-1', `b-${at}`, sha256, bytes);
      await lake.sealer.sealNow();
    }
    const range = { fromMs: START_MS, toMs: END_MS };
    const before = await lake.windows.freeze(range);
    const nowMs = START_MS + 3 * HOUR_MS;
    expect(await lake.compactor.compactOne(START_MS)).toBe(0);
    let merged = 0;
    for (let files = -1; files !== 0; merged += files) files = await lake.compactor.compactOne(nowMs);
    expect(merged).toBeGreaterThan(8);
    expect(await lake.windows.freeze(range)).toEqual(before);
    const files = await lakeFiles(lake.duck, lake.database, 'decisions', 0, Number.MAX_SAFE_INTEGER);
    expect(files.length).toBeLessThan(10);
    await lake.compactor.deleteRetired(Date.now() + 2 * HOUR_MS);
    expect(await lake.windows.freeze(range)).toEqual(before);
    const [[count]] = (await rowsOf(lake, (from) => `SELECT count(*) FROM ${from}`, 'decisions')) as [bigint[]];
    expect(Number(count)).toBe(all.length);
  });

  test('retention drops old index rows and raw segments; the record is then read from Parquet', async () => {
    const lake = await open();
    const { all, flat } = events(5, 50);
    await fill(lake, [flat]);
    await lake.retention.prune(Date.now() + 72 * HOUR_MS);
    expect(await lake.database.query('SELECT 1 FROM decision_index LIMIT 1')).toHaveLength(1);
    await lake.sealer.sealNow();
    await lake.retention.prune(Date.now() + 72 * HOUR_MS);
    expect(await lake.database.query('SELECT 1 FROM decision_index')).toHaveLength(0);
    expect(await readdir(join(lake.home, 'lake', 'segments', 'edge-1'))).toEqual([]);
    const won = all.find(({ outcomes }) => outcomes.length > 0)!.decision;
    expect((await lake.decisions.explained(won.decisionId))?.record).toEqual(won);
  });
});

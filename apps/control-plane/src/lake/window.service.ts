import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { DuckDBConnection, DuckDBListValue } from '@duckdb/node-api';
import { DataSource } from 'typeorm';
import { FEATURE_NAMES } from '#domain/features';
import { requestsByHourOfWeek, windowRowLine, type WindowRow } from '#domain/lake/win-window';
import type { WindowBid, WindowProfile } from '#domain/learning';
import { ControlPlaneConfig } from '../config';
import { type ExcludedIncident, IncidentRepository } from '../incidents/incident.repository';
import { inIncidents, inRange, IS_BID, IS_USABLE } from './bid-conditions';
import { DuckLake, literal, parquetOf, streamRows } from './duck-lake';
import { lakeFiles, ParquetSealer } from './parquet-sealer.service';

/** A bid that got no notice for so long has lost; younger bids stay out of a window. */
const WIN_MATURITY_MS = 15_000;
const MAX_ROWS = 200_000;
const HOUR_MS = 3_600_000;

export interface WindowRange {
  fromMs: number;
  toMs: number;
  /** Largest number of bids; more are thinned by a hash of their ids. Default and upper bound 200,000. */
  maxRows?: number;
  /** Age at which a bid without notice counts as lost, ms. Default 15 s. */
  maturityMs?: number;
}

/** A frozen training window: the same data give the same id and the same hash, and it never changes. */
export interface TrainingWindow {
  windowId: string;
  contentSha256: string;
  rows: number;
  wins: number;
  /** Rows whose minimum price to win was disclosed. */
  disclosed: number;
  fromMs: number;
  /** End of the window as frozen: not later than what was mature. */
  toMs: number;
  /** Incidents whose decisions were left out. */
  excluded: ExcludedIncident[];
  excludedRows: number;
}

/** What the win model learns from, with what its validation reads. */
export type FrozenBid = WindowBid;

/** Counts of a freeze that its rows do not show; stored beside them. */
interface StoredProfile {
  frozenAtMs: number;
  seen: number;
  unusable: number;
  expected: number;
  excluded: ExcludedIncident[];
  excludedRows: number;
}

interface StoredWindow {
  path: string;
  content_sha256: string;
  requests_by_hour_of_week: number[];
  rows: number;
  from_ms: string;
  to_ms: string;
  maturity_ms: string;
  format: 1 | 2;
  profile: Partial<StoredProfile>;
}

/** The range holds no mature bid: nothing can be learned from it. */
export class EmptyWindowError extends Error {
  readonly code = 'EMPTY_WINDOW';
  constructor(fromMs: number, toMs: number) {
    super(`no mature bid was decided from ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}`);
    this.name = 'EmptyWindowError';
  }
}

/** Training windows over the lake: bids joined with their outcomes, without test traffic and without unusable features. */
@Injectable()
export class WindowService {
  constructor(
    private readonly database: DataSource,
    private readonly duck: DuckLake,
    private readonly sealer: ParquetSealer,
    private readonly incidents: IncidentRepository,
    private readonly config: ControlPlaneConfig,
  ) {}

  /**
   * Seals what has been ingested, then freezes the bids decided in [fromMs, toMs) that are mature by now and fall into no incident.
   * @throws EmptyWindowError (code EMPTY_WINDOW).
   */
  async freeze(range: WindowRange): Promise<TrainingWindow> {
    const maturityMs = range.maturityMs ?? WIN_MATURITY_MS;
    const { fromMs } = range;
    const toMs = Math.min(range.toMs, Date.now() - maturityMs);
    const maxRows = Math.min(range.maxRows ?? MAX_ROWS, MAX_ROWS);
    if (toMs <= fromMs) throw new EmptyWindowError(fromMs, toMs);
    await this.sealer.sealNow();
    const decisions = await lakeFiles(this.duck, this.database, 'decisions', fromMs, toMs);
    const outcomes = await lakeFiles(this.duck, this.database, 'outcomes', fromMs, toMs);
    if (decisions.length === 0) throw new EmptyWindowError(fromMs, toMs);
    const excluded = await this.incidents.touching(this.config.cell, fromMs, toMs);
    const expected = await this.expectedBids(fromMs, toMs);
    const frozenAtMs = Date.now();
    return this.duck.with(async (connection) => {
      await connection.run(frozenBidsSql(decisions, outcomes, { fromMs, toMs, maxRows, excluded }));
      const content = await digest(streamWindow(connection, 'SELECT * FROM frozen', FORMAT), FORMAT);
      if (content.rows === 0) throw new EmptyWindowError(fromMs, toMs);
      const { sha256: contentSha256, ...counts } = content;
      const left = excluded.length === 0 ? '' : `|${JSON.stringify(excluded.map((incident) => incident.incidentId))}`;
      const identity = `${fromMs}|${toMs}|${maturityMs}|${maxRows}|${contentSha256}${left}`;
      const windowId = `win-${createHash('sha256').update(identity).digest('hex').slice(0, 24)}`;
      const seen = await bidsSeen(connection, decisions, { fromMs, toMs, excluded });
      const window = { windowId, contentSha256, ...counts, fromMs, toMs, excluded, excludedRows: seen.excludedRows };
      const path = await this.writeWindow(connection, windowId);
      const traffic = await requestsByHour(connection, decisions, fromMs, toMs);
      await this.insert(window, {
        ...{ maturityMs, path },
        traffic: requestsByHourOfWeek(traffic),
        profile: { ...seen, frozenAtMs, expected, excluded },
      });
      return window;
    });
  }

  /** What is known of a window beside its rows, for its validation. */
  async profile(windowId: string): Promise<WindowProfile> {
    const { rows, from_ms, to_ms, maturity_ms, profile } = await this.stored(windowId);
    const toMs = Number(to_ms);
    const maturityMs = Number(maturity_ms);
    return {
      fromMs: Number(from_ms),
      toMs,
      maturityMs,
      // Windows of format 1 were frozen without these counts.
      frozenAtMs: profile.frozenAtMs ?? toMs + maturityMs,
      seen: profile.seen ?? rows,
      unusable: profile.unusable ?? 0,
      expected: Math.max(0, (profile.expected ?? rows) - (profile.excludedRows ?? 0)),
      featureNames: FEATURE_NAMES,
    };
  }

  /** Every bid of a window, in its canonical order. @throws when the file's content is not what was frozen. */
  async winRows(windowId: string): Promise<FrozenBid[]> {
    const window = await this.stored(windowId);
    return this.duck.with(async (connection) => {
      const bids: FrozenBid[] = [];
      const sql = `SELECT * FROM ${parquetOf([join(this.duck.root, window.path)])}`;
      const content = await digest(streamWindow(connection, sql, window.format), window.format, (row) =>
        bids.push({ ...row, features: Float32Array.from(row.features) }),
      );
      if (content.sha256 !== window.content_sha256) throw new Error(`training window ${windowId} is damaged`);
      return bids;
    });
  }

  /** Requests of the window per hour of week, UTC, 0 = Monday 00:00: the clock of the Budget agent learns from it. */
  async trafficByHourOfWeek(windowId: string): Promise<number[]> {
    return (await this.stored(windowId)).requests_by_hour_of_week;
  }

  private async writeWindow(connection: DuckDBConnection, windowId: string): Promise<string> {
    const path = join('windows', `${windowId}.parquet`);
    await mkdir(join(this.duck.root, 'windows'), { recursive: true });
    const draft = join(this.duck.root, 'windows', `${windowId}.${randomUUID()}.tmp`);
    try {
      await connection.run(`COPY (${CANONICAL_ORDER}) TO ${literal(draft)} (FORMAT parquet, COMPRESSION zstd)`);
      await rename(draft, join(this.duck.root, path));
    } finally {
      await rm(draft, { force: true });
    }
    return path;
  }

  /** Bids that the index of ingested decisions names: fewer in the lake are lost rows. Retention only ever shortens the index. */
  private async expectedBids(fromMs: number, toMs: number): Promise<number> {
    const [{ bids }] = await this.database.query<[{ bids: number }]>(
      `SELECT count(*)::integer AS bids FROM decision_index
       WHERE decided_at_ms >= $1 AND decided_at_ms < $2 AND NOT is_test AND no_bid_reason IS NULL AND bid_micros > 0`,
      [fromMs, toMs],
    );
    return bids;
  }

  private async insert(
    window: TrainingWindow,
    more: { maturityMs: number; path: string; traffic: number[]; profile: StoredProfile },
  ): Promise<void> {
    await this.database.query(
      `INSERT INTO training_window (window_id, content_sha256, rows, wins, disclosed, from_ms, to_ms, maturity_ms, path,
          requests_by_hour_of_week, format, profile)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (window_id) DO NOTHING`,
      [
        window.windowId,
        window.contentSha256,
        window.rows,
        window.wins,
        window.disclosed,
        window.fromMs,
        window.toMs,
        more.maturityMs,
        more.path,
        JSON.stringify(more.traffic),
        FORMAT,
        JSON.stringify(more.profile),
      ],
    );
  }

  private async stored(windowId: string): Promise<StoredWindow> {
    const [row] = await this.database.query<StoredWindow[]>('SELECT * FROM training_window WHERE window_id = $1', [
      windowId,
    ]);
    if (!row) throw new Error(`there is no training window ${windowId}`);
    return row;
  }
}

/** Rows of new windows carry what validation reads (migrations/0009). */
const FORMAT = 2;
const CANONICAL_ORDER = 'SELECT * FROM frozen ORDER BY decided_at_ms, decision_id';

interface FreezeRange {
  fromMs: number;
  toMs: number;
  excluded: readonly ExcludedIncident[];
}

/** Bids joined with their notices: won = a win or bill; everything else lost, since it is mature. */
function frozenBidsSql(decisions: string[], outcomes: string[], range: FreezeRange & { maxRows: number }): string {
  const { fromMs, toMs, maxRows, excluded } = range;
  const notices =
    outcomes.length === 0
      ? `SELECT NULL::VARCHAR AS decision_id, NULL::BOOLEAN AS won, NULL::DOUBLE AS min_to_win_micros,
          NULL::BOOLEAN AS clicked, NULL::BIGINT AS notice_at_ms WHERE false`
      : `SELECT decision_id, bool_or(kind IN ('win', 'bill')) AS won,
            max(min_to_win_micros) FILTER (kind IN ('win', 'bill', 'loss')) AS min_to_win_micros,
            bool_or(kind = 'click') AS clicked,
            min(at_ms) FILTER (kind IN ('win', 'bill', 'loss')) AS notice_at_ms
          FROM ${parquetOf(outcomes)} WHERE kind IN ('win', 'bill', 'loss', 'click') AND ${inRange(fromMs, toMs)}
          GROUP BY decision_id`;
  return `CREATE TEMP TABLE frozen AS
    WITH bids AS (
      SELECT decision_id, decided_at_ms, bid_micros, features, user_key, grid_mass FROM ${parquetOf(decisions)}
      WHERE ${inRange(fromMs, toMs)} AND ${IS_BID} AND ${IS_USABLE} AND NOT ${inIncidents(excluded)}
    ), chosen AS (
      SELECT * FROM bids QUALIFY row_number() OVER (ORDER BY md5(decision_id)) <= ${maxRows}
    ), notices AS (${notices})
    SELECT decision_id, decided_at_ms, bid_micros, coalesce(won, false) AS won,
      CASE WHEN isfinite(min_to_win_micros) AND min_to_win_micros > 0 THEN min_to_win_micros END AS min_to_win_micros,
      features, user_key, coalesce(clicked, false) AS clicked, notice_at_ms,
      CASE WHEN isfinite(grid_mass) THEN grid_mass END AS grid_mass
    FROM chosen LEFT JOIN notices USING (decision_id)
    ORDER BY decided_at_ms, decision_id`;
}

/** Bids of the range outside incidents, how many of them cannot be used, and how many incidents took out. */
async function bidsSeen(connection: DuckDBConnection, decisions: string[], range: FreezeRange) {
  const { fromMs, toMs, excluded } = range;
  const isExcluded = inIncidents(excluded);
  const sql = `SELECT count(*) FILTER (NOT ${isExcluded}), count(*) FILTER (NOT ${isExcluded} AND NOT ${IS_USABLE}),
      count(*) FILTER (${isExcluded})
    FROM ${parquetOf(decisions)} WHERE ${inRange(fromMs, toMs)} AND ${IS_BID}`;
  const counts = { seen: 0, unusable: 0, excludedRows: 0 };
  for await (const [seen, unusable, excludedRows] of streamRows(connection, sql)) {
    Object.assign(counts, { seen: Number(seen), unusable: Number(unusable), excludedRows: Number(excludedRows) });
  }
  return counts;
}

/** Rows of format 1 lack the last four columns: nothing is known of their user, click, notice and propensity. */
async function* streamWindow(
  connection: DuckDBConnection,
  sql: string,
  format: StoredWindow['format'],
): AsyncGenerator<WindowRow> {
  for await (const row of streamRows(connection, `${sql} ORDER BY decided_at_ms, decision_id`)) {
    const [decisionId, decidedAtMs, bidMicros, won, minToWinMicros, features] = row;
    const [userKey, clicked, noticeAtMs, gridMass] = format === 1 ? [null, false, null, null] : row.slice(6);
    yield {
      decisionId: decisionId as string,
      decidedAtMs: Number(decidedAtMs),
      bidMicros: Number(bidMicros),
      won: won as boolean,
      minToWinMicros: minToWinMicros as number | null,
      features: (features as DuckDBListValue).items as number[],
      userKey: userKey as string | null,
      clicked: clicked as boolean,
      noticeAtMs: noticeAtMs === null ? null : Number(noticeAtMs),
      gridMass: gridMass as number | null,
    };
  }
}

async function digest(rows: AsyncIterable<WindowRow>, format: StoredWindow['format'], each?: (row: WindowRow) => void) {
  const hash = createHash('sha256');
  const counts = { rows: 0, wins: 0, disclosed: 0 };
  for await (const row of rows) {
    hash.update(windowRowLine(row, format));
    counts.rows += 1;
    if (row.won) counts.wins += 1;
    if (row.minToWinMicros !== null) counts.disclosed += 1;
    each?.(row);
  }
  return { sha256: hash.digest('hex'), ...counts };
}

async function requestsByHour(connection: DuckDBConnection, decisions: string[], fromMs: number, toMs: number) {
  const hours: { hourMs: number; requests: number }[] = [];
  const sql = `SELECT decided_at_ms // ${HOUR_MS} AS hour_number, count(*) FROM ${parquetOf(decisions)}
    WHERE decided_at_ms >= ${fromMs} AND decided_at_ms < ${toMs} AND NOT is_test AND imp_index = 0 GROUP BY 1`;
  for await (const [hour, requests] of streamRows(connection, sql)) {
    hours.push({ hourMs: Number(hour) * HOUR_MS, requests: Number(requests) });
  }
  return hours;
}

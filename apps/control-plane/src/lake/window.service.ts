import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { DuckDBConnection, DuckDBListValue } from '@duckdb/node-api';
import { DataSource } from 'typeorm';
import { requestsByHourOfWeek, WINDOW_FEATURES, windowRowLine, type WindowRow } from '#domain/lake/win-window';
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
}

/** What the win model learns from; structurally `WinRow` of domain/learning. */
export interface FrozenBid {
  features: Float32Array;
  bidMicros: number;
  won: boolean;
  minToWinMicros: number | null;
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
  ) {}

  /**
   * Seals what has been ingested, then freezes the bids decided in [fromMs, toMs) that are mature by now.
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
    return this.duck.with(async (connection) => {
      await connection.run(frozenBidsSql(decisions, outcomes, { fromMs, toMs, maxRows }));
      const content = await digest(streamWindow(connection, 'SELECT * FROM frozen'));
      if (content.rows === 0) throw new EmptyWindowError(fromMs, toMs);
      const identity = `${fromMs}|${toMs}|${maturityMs}|${maxRows}|${content.sha256}`;
      const windowId = `win-${createHash('sha256').update(identity).digest('hex').slice(0, 24)}`;
      const path = await this.writeWindow(connection, windowId);
      const traffic = await requestsByHour(connection, decisions, fromMs, toMs);
      await this.database.query(
        `INSERT INTO training_window (window_id, content_sha256, rows, wins, disclosed, from_ms, to_ms, maturity_ms, path,
            requests_by_hour_of_week)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (window_id) DO NOTHING`,
        [
          windowId,
          content.sha256,
          content.rows,
          content.wins,
          content.disclosed,
          fromMs,
          toMs,
          maturityMs,
          path,
          JSON.stringify(requestsByHourOfWeek(traffic)),
        ],
      );
      const { sha256: contentSha256, ...counts } = content;
      return { windowId, contentSha256, ...counts, fromMs, toMs };
    });
  }

  /** Every bid of a window, in its canonical order. @throws when the file's content is not what was frozen. */
  async winRows(windowId: string): Promise<FrozenBid[]> {
    const window = await this.stored(windowId);
    return this.duck.with(async (connection) => {
      const bids: FrozenBid[] = [];
      const rows = streamWindow(connection, `SELECT * FROM ${parquetOf([join(this.duck.root, window.path)])}`);
      const content = await digest(rows, ({ features, bidMicros, won, minToWinMicros }) =>
        bids.push({ features: Float32Array.from(features), bidMicros, won, minToWinMicros }),
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

  private async stored(windowId: string) {
    const [row] = await this.database.query<
      { path: string; content_sha256: string; requests_by_hour_of_week: number[] }[]
    >('SELECT path, content_sha256, requests_by_hour_of_week FROM training_window WHERE window_id = $1', [windowId]);
    if (!row) throw new Error(`there is no training window ${windowId}`);
    return row;
  }
}

const CANONICAL_ORDER = 'SELECT * FROM frozen ORDER BY decided_at_ms, decision_id';

/** Bids joined with win, bill and loss notices: won = a win or bill; everything else lost, since it is mature. */
function frozenBidsSql(
  decisions: string[],
  outcomes: string[],
  { fromMs, toMs, maxRows }: { fromMs: number; toMs: number; maxRows: number },
): string {
  const inRange = `decided_at_ms >= ${fromMs} AND decided_at_ms < ${toMs}`;
  const notices =
    outcomes.length === 0
      ? `SELECT NULL::VARCHAR AS decision_id, NULL::BOOLEAN AS won, NULL::DOUBLE AS min_to_win_micros WHERE false`
      : `SELECT decision_id, bool_or(kind <> 'loss') AS won, max(min_to_win_micros) AS min_to_win_micros
          FROM ${parquetOf(outcomes)} WHERE kind IN ('win', 'bill', 'loss') AND ${inRange} GROUP BY decision_id`;
  return `CREATE TEMP TABLE frozen AS
    WITH bids AS (
      SELECT decision_id, decided_at_ms, bid_micros, features FROM ${parquetOf(decisions)}
      WHERE ${inRange} AND NOT is_test AND no_bid_reason IS NULL AND bid_micros > 0 AND len(features) = ${WINDOW_FEATURES}
        AND list_count(list_filter(features, lambda value: isfinite(value))) = ${WINDOW_FEATURES}
    ), chosen AS (
      SELECT * FROM bids QUALIFY row_number() OVER (ORDER BY md5(decision_id)) <= ${maxRows}
    ), notices AS (${notices})
    SELECT decision_id, decided_at_ms, bid_micros, coalesce(won, false) AS won,
      CASE WHEN isfinite(min_to_win_micros) AND min_to_win_micros > 0 THEN min_to_win_micros END AS min_to_win_micros,
      features
    FROM chosen LEFT JOIN notices USING (decision_id)
    ORDER BY decided_at_ms, decision_id`;
}

async function* streamWindow(connection: DuckDBConnection, sql: string): AsyncGenerator<WindowRow> {
  for await (const row of streamRows(connection, `${sql} ORDER BY decided_at_ms, decision_id`)) {
    const [decisionId, decidedAtMs, bidMicros, won, minToWinMicros, features] = row;
    yield {
      decisionId: decisionId as string,
      decidedAtMs: Number(decidedAtMs),
      bidMicros: Number(bidMicros),
      won: won as boolean,
      minToWinMicros: minToWinMicros as number | null,
      features: (features as DuckDBListValue).items as number[],
    };
  }
}

async function digest(rows: AsyncIterable<WindowRow>, each?: (row: WindowRow) => void) {
  const hash = createHash('sha256');
  const counts = { rows: 0, wins: 0, disclosed: 0 };
  for await (const row of rows) {
    hash.update(windowRowLine(row));
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

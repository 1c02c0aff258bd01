import { Injectable } from '@nestjs/common';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DataSource } from 'typeorm';
import type { LoggedBid, LoggedBidsQuery } from '../../../../activities/training-ports';
import { inIncidents, inRange, IS_BID, IS_USABLE } from './bid-conditions';
import { DuckLake, literal, parquetOf, streamRows } from './duck-lake';
import { lakeFiles } from './parquet-sealer.service';

/** Bids that one model version decided for the champion's arm, with their whole records and what became of them. */
@Injectable()
export class LoggedBids {
  constructor(
    private readonly database: DataSource,
    private readonly duck: DuckLake,
  ) {}

  /**
   * Bids of a window by one bid model. At most `maxBids`, thinned by a hash of their ids: the rewarded first, up to half of the places, then
   * others; `copies` says how many bids each stands for. In no particular order.
   */
  async read(query: LoggedBidsQuery): Promise<LoggedBid[]> {
    const { fromMs, toMs } = query.window;
    const decisions = await lakeFiles(this.duck, this.database, 'decisions', fromMs, toMs);
    const outcomes = await lakeFiles(this.duck, this.database, 'outcomes', fromMs, toMs);
    if (decisions.length === 0 || outcomes.length === 0) return [];
    return this.duck.with(async (connection) => {
      await connection.run(chosenSql(decisions, outcomes, query));
      return readChosen(connection, decisions, query);
    });
  }
}

/** Light columns first: records of thousands of bids are megabytes, and most bids are not chosen. */
function chosenSql(
  decisions: string[],
  outcomes: string[],
  { window, modelVersionId, maxBids }: LoggedBidsQuery,
): string {
  const range = inRange(window.fromMs, window.toMs);
  return `CREATE TEMP TABLE chosen AS
    WITH bids AS (
      SELECT decision_id FROM ${parquetOf(decisions)}
      WHERE ${range} AND ${IS_BID} AND ${IS_USABLE} AND arm = 'champion' AND bid_model_version = ${literal(modelVersionId)}
        AND NOT ${inIncidents(window.excluded ?? [])}
    ), notices AS (
      SELECT decision_id, bool_or(kind <> 'loss') AS won,
        max(min_to_win_micros) FILTER (kind IN ('win', 'bill', 'loss')) AS min_to_win_micros,
        sum(value_nanos) FILTER (kind IN ('click', 'conversion')) AS value_nanos
      FROM ${parquetOf(outcomes)} WHERE ${range} GROUP BY decision_id
    ), ranked AS (
      SELECT decision_id, coalesce(won, false) AS won, min_to_win_micros, coalesce(value_nanos, 0)::DOUBLE AS value_nanos,
        row_number() OVER (PARTITION BY coalesce(value_nanos, 0) > 0 ORDER BY md5(decision_id)) AS place,
        count(*) OVER (PARTITION BY coalesce(value_nanos, 0) > 0) AS alike,
        count(*) FILTER (coalesce(value_nanos, 0) > 0) OVER () AS rewarded
      FROM bids LEFT JOIN notices USING (decision_id)
    ), placed AS (
      SELECT *, least(alike, CASE WHEN value_nanos > 0 THEN ${Math.floor(maxBids / 2)}
        ELSE ${maxBids} - least(rewarded, ${Math.floor(maxBids / 2)}) END) AS places FROM ranked
    )
    SELECT decision_id, won, value_nanos, alike / places AS copies,
      CASE WHEN isfinite(min_to_win_micros) AND min_to_win_micros > 0 THEN min_to_win_micros END AS min_to_win_micros
    FROM placed WHERE place <= places`;
}

async function readChosen(
  connection: DuckDBConnection,
  decisions: string[],
  { window }: LoggedBidsQuery,
): Promise<LoggedBid[]> {
  const sql = `SELECT record, won, min_to_win_micros, value_nanos, copies
    FROM ${parquetOf(decisions)} JOIN chosen USING (decision_id) WHERE ${inRange(window.fromMs, window.toMs)}`;
  const bids: LoggedBid[] = [];
  for await (const [record, won, minToWinMicros, valueNanos, copies] of streamRows(connection, sql)) {
    bids.push({
      record: record as string,
      won: won as boolean,
      minToWinMicros: minToWinMicros as number | null,
      valueNanos: valueNanos as number,
      copies: copies as number,
    });
  }
  return bids;
}

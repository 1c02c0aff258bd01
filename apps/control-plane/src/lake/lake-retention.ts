import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DuckLake } from './duck-lake';

const HOUR_MS = 3_600_000;
/** Explain and export reach back so far; older decisions are read from Parquet. */
export const INDEX_KEPT_MS = 48 * HOUR_MS;
const RAW_KEPT_MS = 48 * HOUR_MS;
const TICKS_KEPT_MS = 7 * 24 * HOUR_MS;
/** Rows deleted per statement and rounds per call: retention never holds the database for long. */
const ROWS_PER_ROUND = 20_000;
const ROUNDS = 5;

/** Bounds what the lake keeps in Postgres and as raw segments. Parquet, outcomes and KPI rollups are kept. */
@Injectable()
export class LakeRetention {
  constructor(
    private readonly database: DataSource,
    private readonly duck: DuckLake,
  ) {}

  async prune(nowMs: number): Promise<void> {
    await this.deleteOld('decision_index', 'decided_at_ms', nowMs - INDEX_KEPT_MS, SEALED_ONLY);
    await this.deleteOld('traffic_tick', 'tick_ms', nowMs - TICKS_KEPT_MS);
    await this.deleteOld('agent_minute', 'minute_ms', nowMs - TICKS_KEPT_MS);
    await this.deleteRawSegments(nowMs - RAW_KEPT_MS);
  }

  private async deleteOld(table: string, column: string, beforeMs: number, condition = 'true'): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      const [, deleted] = await this.database.query<[unknown, number]>(
        `DELETE FROM ${table} t WHERE ctid = ANY(ARRAY(
          SELECT ctid FROM ${table} t WHERE ${column} < $1 AND ${condition} LIMIT ${ROWS_PER_ROUND}))`,
        [beforeMs],
      );
      if (deleted < ROWS_PER_ROUND) return;
    }
  }

  /** Files first: a crash in between repeats a deletion, it never leaves an unlisted file. */
  private async deleteRawSegments(beforeMs: number): Promise<void> {
    const rows = await this.database.query<{ seq: string; path: string }[]>(
      `SELECT seq, path FROM segment
        WHERE parquet_batch IS NOT NULL AND path <> '' AND ingested_at < to_timestamp($1 / 1000.0)
        ORDER BY seq LIMIT 1000`,
      [beforeMs],
    );
    for (const { path } of rows) await rm(join(this.duck.root, path), { force: true });
    if (rows.length === 0) return;
    await this.database.query(`UPDATE segment SET path = '' WHERE seq = ANY($1::bigint[])`, [
      rows.map(({ seq }) => seq),
    ]);
  }
}

const SEALED_ONLY = 'EXISTS (SELECT 1 FROM segment s WHERE s.seq = t.segment_seq AND s.parquet_batch IS NOT NULL)';

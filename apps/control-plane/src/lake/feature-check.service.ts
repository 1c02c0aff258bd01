import { Injectable } from '@nestjs/common';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DataSource } from 'typeorm';
import { HISTORY_TTL_MS } from '#domain/features';
import { DuckLake, streamRows } from './duck-lake';
import { lakeFiles, ParquetSealer } from './parquet-sealer.service';
import { COMPARED_COLUMNS, historyStatesSql, userFeaturesSql } from './user-features-sql';

/** A notice may come this long after its bid: decisions as old can still make exposures. */
const NOTICE_LIFE_MS = 2 * 86_400_000;
const MAX_ROWS = 10_000;
const MAX_EXAMPLES = 20;

/** One value that an edge logged and the lake does not confirm. */
export interface FeatureDifference {
  decisionId: string;
  feature: string;
  logged: number | null;
  computed: number | null;
}

export interface FeatureCheck {
  fromMs: number;
  toMs: number;
  /** Decisions compared: all that knew their user's history, or 10,000 of them. */
  compared: number;
  equal: number;
  /** Some of the values that differ. */
  differences: FeatureDifference[];
  /** Decisions of the range by what became of asking for the history. */
  states: Record<string, number>;
}

/** Compares the features of users that edges logged with those that the lake's outcomes give at the same moment. */
@Injectable()
export class FeatureCheckService {
  constructor(
    private readonly database: DataSource,
    private readonly duck: DuckLake,
    private readonly sealer: ParquetSealer,
  ) {}

  /** Seals what was ingested, then compares decisions of [fromMs, toMs). */
  async check(fromMs: number, toMs: number): Promise<FeatureCheck> {
    await this.sealer.sealNow();
    const sinceMs = fromMs - HISTORY_TTL_MS - NOTICE_LIFE_MS;
    const decisions = await lakeFiles(this.duck, this.database, 'decisions', sinceMs, toMs);
    // By the time of their decisions, like every file of outcomes.
    const outcomes = await lakeFiles(this.duck, this.database, 'outcomes', sinceMs, toMs);
    const check: FeatureCheck = { fromMs, toMs, compared: 0, equal: 0, differences: [], states: {} };
    if (decisions.length === 0) return check;
    await this.duck.with(async (connection) => {
      for await (const [state, count] of streamRows(connection, historyStatesSql(decisions, fromMs, toMs)))
        check.states[String(state)] = Number(count);
      if (outcomes.length > 0)
        await compare(connection, userFeaturesSql({ decisions, outcomes }, { fromMs, toMs, maxRows: MAX_ROWS }), check);
    });
    return check;
  }
}

async function compare(connection: DuckDBConnection, sql: string, check: FeatureCheck): Promise<void> {
  const width = COMPARED_COLUMNS.length;
  for await (const [decisionId, ...values] of streamRows(connection, sql)) {
    const numbers = values.map((value) => (value === null ? null : Number(value)));
    const wrong = COMPARED_COLUMNS.flatMap((feature, at) => {
      const [logged, computed] = [numbers[at] ?? null, numbers[width + at] ?? null];
      return logged === computed ? [] : [{ decisionId: String(decisionId), feature, logged, computed }];
    });
    check.compared += 1;
    if (wrong.length === 0) check.equal += 1;
    check.differences.push(...wrong.slice(0, MAX_EXAMPLES - check.differences.length));
  }
}

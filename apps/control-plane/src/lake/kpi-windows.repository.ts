import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { KPI_SUMS, zeroKpiSums, type KpiSums } from '#domain/contracts/kpi-rollup';
import { columnOf } from './kpi-writer';

const SUMS = KPI_SUMS.map((name) => `coalesce(sum(${columnOf(name)}), 0)::bigint AS "${name}"`).join(', ');

/** Sums of decision time [fromMs, toMs) by scope, for the KPI watch. */
@Injectable()
export class KpiWindows {
  constructor(private readonly database: DataSource) {}

  /** The whole cell, to 5 s. */
  async fleet(cell: string, fromMs: number, toMs: number): Promise<KpiSums> {
    const [row] = await this.database.query<Record<string, string>[]>(
      `SELECT ${SUMS} FROM traffic_tick WHERE cell = $1 AND tick_ms >= $2 AND tick_ms < $3`,
      [cell, fromMs, toMs],
    );
    return numbersOf(row ?? {});
  }

  /** Decisions of all agents and how many fell back; to the minute. */
  async modes(cell: string, fromMs: number, toMs: number): Promise<{ decisions: number; fallbacks: number }> {
    const [row] = await this.database.query<{ decisions: string; fallbacks: string }[]>(
      `SELECT coalesce(sum(decisions), 0)::bigint AS decisions, coalesce(sum(fallbacks), 0)::bigint AS fallbacks
       FROM agent_minute WHERE cell = $1 AND minute_ms >= $2 AND minute_ms < $3`,
      [cell, fromMs, toMs],
    );
    return { decisions: Number(row?.decisions ?? 0), fallbacks: Number(row?.fallbacks ?? 0) };
  }

  /** By `segment=value`: those that the plans of running rollouts register. Whole buckets that start in the window. */
  async segments(cell: string, fromMs: number, toMs: number): Promise<Map<string, KpiSums>> {
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT segment_by || '=' || segment_value AS id, ${SUMS} FROM segment_rollup
       WHERE cell = $1 AND bucket_ms >= $2 AND bucket_ms < $3 GROUP BY 1 ORDER BY 1 LIMIT 200`,
      [cell, fromMs, toMs],
    );
    return new Map(rows.map((row) => [row.id!, numbersOf(row)]));
  }
}

function numbersOf(row: Record<string, string>): KpiSums {
  const sums = zeroKpiSums();
  for (const name of KPI_SUMS) sums[name] = Number(row[name] ?? 0);
  return sums;
}

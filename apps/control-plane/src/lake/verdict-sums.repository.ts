import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { KPI_SUMS, type KpiRollup, type KpiSum } from '#domain/contracts/kpi-rollup';
import type { Segment, SegmentKind } from '#domain/contracts';
import type { ArmLatency, Dispersion, DispersionSample } from '#domain/rollout';
import { measuredDispersion } from '#domain/rollout';
import { ControlPlaneConfig } from '../config';
import { rollupOf, selectColumns } from './kpi.repository';
import { columnOf } from './kpi-writer';

/** Newest traffic that the age of a sum is looked for in. */
const SEEN_MS = 7 * 86_400_000;
/** A dispersion is measured over at most this long, and over a part of it beside: users who return show by the difference. */
const LONGEST_MS = 6 * 3_600_000;
const SHORT_PART = 8;

/** Sums of one segment of a rollout. */
export interface SegmentRows extends Segment {
  rows: KpiRollup[];
}

/** What verdicts and plans read beside the bucket sums. Only the ingest writes it. */
@Injectable()
export class VerdictSums {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
  ) {}

  /** Decision latencies of a stage's arms in time buckets from `sinceMs` on. */
  async latencies(cell: string, rolloutId: string, stage: number, sinceMs: number): Promise<ArmLatency> {
    const rows = await this.database.query<{ arm: string; bin: number; decisions: string }[]>(
      `SELECT arm, bin, sum(decisions) AS decisions FROM latency_rollup
        WHERE cell = $1 AND rollout_id = $2 AND bucket_ms >= $3 AND stage = $4 GROUP BY arm, bin ORDER BY arm, bin`,
      [cell, rolloutId, sinceMs, stage],
    );
    const of = (arm: string) =>
      rows.filter((row) => row.arm === arm).map(({ bin, decisions }) => [bin, Number(decisions)] as const);
    return { canary: of('canary'), control: of('champion') };
  }

  /** Rows of every registered segment in time buckets that end at or before `untilMs`. */
  async segments(cell: string, rolloutId: string, untilMs: number): Promise<SegmentRows[]> {
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT segment_by, segment_value, rollout_id AS "rolloutId", stage, arm, bucket_ms AS "bucketMs",
          user_bucket AS "userBucket", ${selectColumns(KPI_SUMS)}
        FROM segment_rollup WHERE cell = $1 AND rollout_id = $2 AND bucket_ms + $3 <= $4
        ORDER BY segment_by, segment_value, bucket_ms, stage, arm, user_bucket`,
      [cell, rolloutId, this.config.kpiBucketSeconds * 1000, untilMs],
    );
    const segments = new Map<string, SegmentRows>();
    for (const row of rows) {
      const [by, value] = [row.segment_by as SegmentKind, row.segment_value!];
      const key = `${by}|${value}`;
      const segment = segments.get(key) ?? { by, value, rows: [] };
      segments.set(key, segment);
      segment.rows.push(rollupOf(cell, row));
    }
    return [...segments.values()];
  }

  /** Seconds since each sum last grew; null = not within seven days. */
  async sumAges(cell: string, nowMs: number): Promise<Record<KpiSum, number | null>> {
    const newest = KPI_SUMS.map((name) => `max(tick_ms) FILTER (WHERE ${columnOf(name)} > 0) AS "${name}"`).join(', ');
    const [row] = await this.database.query<Record<string, string | null>[]>(
      `SELECT ${newest} FROM traffic_tick WHERE cell = $1 AND tick_ms >= $2`,
      [cell, nowMs - SEEN_MS],
    );
    const ageOf = (name: KpiSum) => {
      const seenMs = row?.[name];
      return seenMs == null ? null : Math.max(0, Math.round((nowMs - Number(seenMs)) / 1000));
    };
    return Object.fromEntries(KPI_SUMS.map((name) => [name, ageOf(name)])) as Record<KpiSum, number | null>;
  }

  /** User buckets with a request since `sinceMs`. */
  async userBuckets(cell: string, sinceMs: number): Promise<number> {
    const [row] = await this.database.query<{ n: string }[]>(
      `SELECT count(DISTINCT user_bucket) AS n FROM kpi_rollup
        WHERE ${recent('$1', '$2')} AND user_bucket >= 0 AND requests > 0`,
      [cell, sinceMs],
    );
    return Number(row?.n ?? 0);
  }

  /** Dispersion of a ratio over users of the champion arm, over as much of the last `lengthMs` as six hours. */
  async dispersion(
    cell: string,
    sums: { numerator: KpiSum; denominator: KpiSum; events: KpiSum },
    lengthMs: number,
    nowMs: number,
  ): Promise<Dispersion> {
    const longMs = Math.min(LONGEST_MS, lengthMs);
    const over = (ms: number) => this.dispersionSample(cell, sums, ms, nowMs);
    return measuredDispersion(await over(longMs / SHORT_PART), await over(longMs));
  }

  private async dispersionSample(
    cell: string,
    { numerator, denominator, events }: { numerator: KpiSum; denominator: KpiSum; events: KpiSum },
    lengthMs: number,
    nowMs: number,
  ): Promise<DispersionSample> {
    const rows = await this.database.query<Record<'numerator' | 'denominator' | 'events', string>[]>(
      `SELECT sum(${columnOf(numerator)}) AS numerator, sum(${columnOf(denominator)}) AS denominator,
          sum(${columnOf(events)}) AS events FROM kpi_rollup
        WHERE ${recent('$1', '$2')} AND arm = 'champion' AND user_bucket >= 0 GROUP BY user_bucket`,
      [cell, nowMs - lengthMs],
    );
    const buckets = rows.map((row) => ({ numerator: Number(row.numerator), denominator: Number(row.denominator) }));
    return { buckets, events: rows.reduce((sum, row) => sum + Number(row.events), 0), seconds: lengthMs / 1000 };
  }
}

/** Rows of a cell since a time by ranges of the primary key: of no rollout, and of the newest twenty. */
const recent = (cell: string, sinceMs: string): string => `cell = ${cell} AND bucket_ms >= ${sinceMs}
  AND rollout_id = ANY(ARRAY(SELECT '' UNION ALL (SELECT rollout_id FROM rollout ORDER BY created_at DESC LIMIT 20)))`;

import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent, Arm } from '#domain/contracts/agent';
import { KPI_SUMS, zeroKpiSums, type KpiRollup, type KpiSums } from '#domain/contracts/kpi-rollup';
import {
  AGENT_COUNTS,
  CAMPAIGN_SUMS,
  TRAFFIC_TICK_MS,
  type AgentCount,
  type CampaignRollup,
} from '#domain/lake/kpi-tables';
import { ControlPlaneConfig } from '../config';
import { columnOf } from './kpi-writer';

export interface SumsQuery {
  cell: string;
  /** '' = traffic outside any rollout; absent = all traffic. */
  rolloutId?: string;
  /** Decisions from here on, epoch ms; a bucket counts when it starts at or after it. */
  sinceMs?: number;
  /** Only buckets that end at or before this: those whose labels are mature. */
  untilMs: number;
}

/** One agent's decisions in a window: how many, how many fell back to a baseline or the safe bid, how many were safe bids. */
export interface AgentHealth {
  agent: Agent;
  decisions: number;
  fallbacks: number;
  /** Decisions in which the agent failed and the campaign's safe bid was taken. */
  errors: number;
  modes: Record<Exclude<AgentCount, 'decisions' | 'fallbacks'>, number>;
}

const MINUTE_MS = 60_000;
/** Time an event takes from the edge to the sums: sealing and shipping, about 2 s. */
const LAG_MS = 5_000;

const selectSums = (names: readonly string[]) =>
  names.map((name) => `sum(${columnOf(name)})::bigint AS "${name}"`).join(', ');
export const selectColumns = (names: readonly string[]) =>
  names.map((name) => `${columnOf(name)} AS "${name}"`).join(', ');

/** The sums behind verdicts, the meta-agent and dashboards. Only the ingest writes them. */
@Injectable()
export class KpiRepository {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
  ) {}

  /** Rows per rollout, stage, arm, time bucket and user bucket, in key order. */
  async sums({ cell, rolloutId, sinceMs, untilMs }: SumsQuery): Promise<KpiRollup[]> {
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT cell, rollout_id AS "rolloutId", stage, arm, bucket_ms AS "bucketMs", user_bucket AS "userBucket",
          ${selectColumns(KPI_SUMS)}
        FROM kpi_rollup
        WHERE cell = $1 AND ($2::text IS NULL OR rollout_id = $2) AND bucket_ms >= $3 AND bucket_ms + $4 <= $5
        ORDER BY rollout_id, bucket_ms, stage, arm, user_bucket`,
      [cell, rolloutId ?? null, sinceMs ?? 0, this.config.kpiBucketSeconds * 1000, untilMs],
    );
    return rows.map((row) => rollupOf(cell, row));
  }

  /**
   * As `sums` for one rollout, added up over time in the database: at most 2 × 201 rows a stage however long it runs. `bucketMs` is
   * the first bucket of each row.
   */
  async stageSums({ cell, rolloutId, sinceMs, untilMs }: SumsQuery & { rolloutId: string }): Promise<KpiRollup[]> {
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT rollout_id AS "rolloutId", stage, arm, min(bucket_ms) AS "bucketMs", user_bucket AS "userBucket",
          ${selectSums(KPI_SUMS)}
        FROM kpi_rollup
        WHERE cell = $1 AND rollout_id = $2 AND bucket_ms >= $3 AND bucket_ms + $4 <= $5
        GROUP BY rollout_id, stage, arm, user_bucket ORDER BY stage, arm, user_bucket`,
      [cell, rolloutId, sinceMs ?? 0, this.config.kpiBucketSeconds * 1000, untilMs],
    );
    return rows.map((row) => rollupOf(cell, row));
  }

  /** Fleet totals of the last `windowMs` of decision time, to 5 s, leaving out the seconds that are still on their way. `windowMs`: whole ticks. */
  async recentTotals(windowMs: number, cell: string, nowMs = Date.now()): Promise<KpiSums & { seconds: number }> {
    // Whole ticks only, and the time that they cover: a rate over part of a tick would swing with the clock.
    const toMs = Math.floor((nowMs - LAG_MS) / TRAFFIC_TICK_MS) * TRAFFIC_TICK_MS;
    const [row] = await this.database.query<Record<string, string>[]>(
      `SELECT ${selectSums(KPI_SUMS)}, min(tick_ms) AS first_ms FROM traffic_tick
        WHERE cell = $1 AND tick_ms >= $2 AND tick_ms < $3`,
      [cell, toMs - windowMs, toMs],
    );
    const { first_ms: firstMs, ...sums } = row ?? {};
    // A cell younger than the window is measured over its own life, else every rate of its first minutes would be too low.
    const fromMs = Math.max(toMs - windowMs, firstMs == null ? 0 : Number(firstMs));
    return { ...numbersOf(sums), seconds: Math.max(1, (toMs - fromMs) / 1000) };
  }

  /** Fallback and error shares come from these: agents' modes over the last `windowMs` (whole minutes). */
  async agentHealth(windowMs: number, cell: string, arm?: Arm, nowMs = Date.now()): Promise<AgentHealth[]> {
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT agent, ${selectSums(AGENT_COUNTS)} FROM agent_minute
        WHERE cell = $1 AND minute_ms >= $2 AND ($3::text IS NULL OR arm = $3) GROUP BY agent ORDER BY agent`,
      [cell, Math.floor((nowMs - windowMs) / MINUTE_MS) * MINUTE_MS, arm ?? null],
    );
    return rows.map((row) => ({
      agent: row.agent as Agent,
      decisions: Number(row.decisions),
      fallbacks: Number(row.fallbacks),
      errors: Number(row.safe),
      modes: {
        model: Number(row.model),
        baseline: Number(row.baseline),
        overruled: Number(row.overruled),
        safe: Number(row.safe),
      },
    }));
  }

  /** Distinct users per arm at their first eligible request in a stage, for the sample-ratio check. */
  async stageUsers(rolloutId: string, stage: number): Promise<Record<Arm, number>> {
    const rows = await this.database.query<{ arm: Arm; users: string }[]>(
      'SELECT arm, count(*) AS users FROM stage_user WHERE rollout_id = $1 AND stage = $2 GROUP BY arm',
      [rolloutId, stage],
    );
    const users = { champion: 0, canary: 0 };
    for (const row of rows) users[row.arm] = Number(row.users);
    return users;
  }

  /** Sums per campaign and arm of decisions in [sinceMs, untilMs), added up over time. */
  async campaignSums(cell: string, sinceMs: number, untilMs: number): Promise<Omit<CampaignRollup, 'bucketMs'>[]> {
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT campaign_id AS "campaignId", arm, ${selectSums(CAMPAIGN_SUMS)} FROM campaign_rollup
        WHERE cell = $1 AND bucket_ms >= $2 AND bucket_ms < $3 GROUP BY campaign_id, arm ORDER BY campaign_id, arm`,
      [cell, sinceMs, untilMs],
    );
    return rows.map((row) => ({
      cell,
      campaignId: row.campaignId!,
      arm: row.arm as Arm,
      ...(Object.fromEntries(CAMPAIGN_SUMS.map((name) => [name, Number(row[name])])) as Omit<
        CampaignRollup,
        'cell' | 'campaignId' | 'arm' | 'bucketMs'
      >),
    }));
  }

  /** SHA-256 over all rollup rows of a cell in key order: equal digests mean equal sums. */
  async rowDigest(cell: string): Promise<{ rows: number; sha256: string }> {
    const hash = createHash('sha256');
    let rows = 0;
    // Keyset pages: the table may be long and nothing loads it whole.
    let after: string[] = ['', '-1', '-1', '', '-2'];
    for (;;) {
      const page = await this.database.query<Record<string, string>[]>(
        `SELECT rollout_id, bucket_ms, stage, arm, user_bucket, ${KPI_SUMS.map(columnOf).join(', ')}
          FROM kpi_rollup WHERE cell = $1
            AND (rollout_id, bucket_ms, stage, arm, user_bucket) > ($2::text, $3::bigint, $4::int, $5::text, $6::int)
          ORDER BY rollout_id, bucket_ms, stage, arm, user_bucket LIMIT 5000`,
        [cell, ...after],
      );
      for (const row of page) hash.update(`${Object.values(row).join('|')}\n`);
      rows += page.length;
      const last = page.at(-1);
      if (!last || page.length < 5000) return { rows, sha256: hash.digest('hex') };
      after = [last.rollout_id!, last.bucket_ms!, last.stage!, last.arm!, last.user_bucket!].map(String);
    }
  }
}

export function rollupOf(cell: string, row: Record<string, string>): KpiRollup {
  return {
    cell,
    rolloutId: row.rolloutId!,
    stage: Number(row.stage),
    arm: row.arm as Arm,
    bucketMs: Number(row.bucketMs),
    userBucket: Number(row.userBucket),
    ...numbersOf(row),
  };
}

function numbersOf(row: Record<string, string | null>): KpiSums {
  const sums = zeroKpiSums();
  for (const name of KPI_SUMS) sums[name] = Number(row[name] ?? 0);
  return sums;
}

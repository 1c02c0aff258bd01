import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Arm, RolloutPlan } from '#domain/contracts';
import { KPI_SUMS } from '#domain/contracts/kpi-rollup';
import { assignArm } from '#domain/coordination/assignment';
import { addSums, noSums, servedShare, type BucketSums, type StageSums } from '#domain/rollout';
import { CellSettings } from '../edges/cell-settings';
import { insertRows, type BulkColumns } from '../lake/bulk-insert';
import { DuckLake, parquetOf, streamRows } from '../lake/duck-lake';
import { columnOf } from '../lake/kpi-writer';
import { lakeFiles, ParquetSealer } from '../lake/parquet-sealer.service';

const DEFAULT_SECONDS = 86_400;
/** Decisions read at most: the newest ones. A look must not wait for the whole lake. */
const MAX_DECISIONS = 1_000_000;

export interface PrePeriodInput {
  rolloutId: string;
  cell: string;
  stage: number;
  plan: RolloutPlan;
  openedAtMs: number;
}

/** One user's sums in the period. */
interface UserPast {
  userKey: string;
  sums: BucketSums;
}

interface ArmBucket extends BucketSums {
  rolloutId: string;
  stage: number;
  arm: Arm;
}

const COLUMNS: BulkColumns<ArmBucket> = {
  rollout_id: { type: 'text', of: (row) => row.rolloutId },
  stage: { type: 'integer', of: (row) => row.stage },
  arm: { type: 'text', of: (row) => row.arm },
  user_bucket: { type: 'integer', of: (row) => row.userBucket },
  ...Object.fromEntries(
    KPI_SUMS.map((name) => [columnOf(name), { type: 'bigint' as const, of: (row: ArmBucket) => row[name] }]),
  ),
};

/**
 * What the users of each arm did before the rollout served its first canary, by user bucket: the covariate of CUPED. Assignment is
 * a hash of the user, so the arm of a stage is known for requests that no canary ever touched. Computed for all stages at the
 * rollout's first look, and frozen.
 */
@Injectable()
export class PrePeriod {
  /** By rollout: a look that is tried again while its first attempt still reads the lake waits for that one. */
  private readonly freezing = new Map<string, Promise<void>>();

  constructor(
    private readonly database: DataSource,
    private readonly duck: DuckLake,
    private readonly sealer: ParquetSealer,
    private readonly settings: CellSettings,
  ) {}

  /** Frozen sums of all stages up to this one; a stage without a past is left out. */
  async of(input: PrePeriodInput): Promise<StageSums[]> {
    const seconds = input.plan.prePeriodSeconds ?? DEFAULT_SECONDS;
    if (seconds === 0) return [];
    const { rolloutId, stage } = input;
    const [known] = await this.database.query<unknown[]>(
      'SELECT 1 FROM pre_period WHERE rollout_id = $1 AND stage = $2',
      [rolloutId, stage],
    );
    if (known === undefined) await this.freezeOnce(input, seconds * 1000);
    return this.stored(rolloutId, stage);
  }

  private freezeOnce(input: PrePeriodInput, lengthMs: number): Promise<void> {
    const { rolloutId } = input;
    const running =
      this.freezing.get(rolloutId) ?? this.freeze(input, lengthMs).finally(() => this.freezing.delete(rolloutId));
    this.freezing.set(rolloutId, running);
    return running;
  }

  /** All canary stages of the plan at once: one pass over the users, and no later stage waits for the lake. */
  private async freeze(input: PrePeriodInput, lengthMs: number): Promise<void> {
    const { rolloutId, cell, plan } = input;
    const setting = await this.settings.find(cell);
    const toMs = await this.firstExposureMs(input);
    const fromMs = await this.affordableFrom(toMs - lengthMs, toMs);
    const stages = plan.stages.flatMap(({ kind }, stage) => (kind === 'canary' ? [stage] : []));
    const shares = stages.map((stage) => Math.round(servedShare(plan.stages[stage]!) * 10_000));
    const rows = new Map<string, ArmBucket>();
    for (const { userKey, sums } of setting === null ? [] : await this.users(fromMs, toMs))
      stages.forEach((stage, index) => {
        const arm = assignArm(setting!.layerSalt, userKey, shares[index]!);
        const { userBucket } = sums;
        const key = `${stage}|${arm}|${userBucket}`;
        const row = rows.get(key) ?? { ...noSums(), userBucket, rolloutId, stage, arm };
        rows.set(key, row);
        addSums(row, sums);
      });
    const frozen = stages.map((stage) => ({ stage, fromMs, toMs }));
    await this.database.transaction((manager) => this.store(manager, rolloutId, frozen, [...rows.values()]));
  }

  /** The first to freeze wins; whoever comes second reads what the first stored. */
  private async store(
    manager: EntityManager,
    rolloutId: string,
    frozen: readonly { stage: number; fromMs: number; toMs: number }[],
    rows: readonly ArmBucket[],
  ): Promise<void> {
    const inserted = await manager.query<unknown[]>(
      `INSERT INTO pre_period (rollout_id, stage, from_ms, to_ms)
       SELECT $1, * FROM unnest($2::int[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING RETURNING stage`,
      [rolloutId, frozen.map((f) => f.stage), frozen.map((f) => f.fromMs), frozen.map((f) => f.toMs)],
    );
    if (inserted.length > 0) await insertRows(manager, 'pre_period_sum', COLUMNS, rows, '');
  }

  private async stored(rolloutId: string, upToStage: number): Promise<StageSums[]> {
    const names = KPI_SUMS.map((name) => `${columnOf(name)} AS "${name}"`).join(', ');
    const rows = await this.database.query<Record<string, string>[]>(
      `SELECT stage, arm, user_bucket AS "userBucket", ${names} FROM pre_period_sum
        WHERE rollout_id = $1 AND stage <= $2 ORDER BY stage, arm, user_bucket`,
      [rolloutId, upToStage],
    );
    const stages = new Map<number, StageSums>();
    for (const row of rows) {
      const index = Number(row.stage);
      const stage = stages.get(index) ?? { stage: index, canary: [], control: [] };
      stages.set(index, stage);
      const sums: BucketSums = { ...noSums(), userBucket: Number(row.userBucket) };
      for (const name of KPI_SUMS) sums[name] = Number(row[name]);
      (row.arm === 'canary' ? stage.canary : stage.control).push(sums);
    }
    return [...stages.values()];
  }

  /** Users who might have met the candidate belong to no pre-period: it ends before the rollout's first canary decision. */
  private async firstExposureMs({ rolloutId, cell, openedAtMs }: PrePeriodInput): Promise<number> {
    const [row] = await this.database.query<{ first_ms: string | null }[]>(
      `SELECT min(bucket_ms) AS first_ms FROM kpi_rollup WHERE cell = $1 AND rollout_id = $2 AND arm = 'canary'`,
      [cell, rolloutId],
    );
    return Math.min(openedAtMs, row?.first_ms == null ? openedAtMs : Number(row.first_ms));
  }

  /** The start of the newest lake files that hold no more than MAX_DECISIONS decisions, not before `fromMs`. */
  private async affordableFrom(fromMs: number, toMs: number): Promise<number> {
    await this.sealer.sealNow();
    const files = await this.database.query<{ min_at_ms: string; rows: number }[]>(
      `SELECT min_at_ms, rows FROM lake_file WHERE dataset = 'decisions' AND max_at_ms >= $1 AND min_at_ms < $2
        AND retired_at IS NULL ORDER BY min_at_ms DESC`,
      [fromMs, toMs],
    );
    let rows = 0;
    for (const file of files) {
      rows += file.rows;
      if (rows > MAX_DECISIONS) return Math.max(fromMs, Number(file.min_at_ms));
    }
    return fromMs;
  }

  private async users(fromMs: number, toMs: number): Promise<UserPast[]> {
    const decisions = await lakeFiles(this.duck, this.database, 'decisions', fromMs, toMs);
    if (decisions.length === 0) return [];
    const outcomes = await lakeFiles(this.duck, this.database, 'outcomes', fromMs, toMs);
    const sql = userSums(decisions, outcomes, fromMs, toMs);
    return this.duck.with(async (connection) => {
      const found: UserPast[] = [];
      for await (const [userKey, userBucket, ...values] of streamRows(connection, sql)) {
        const sums: BucketSums = { ...noSums(), userBucket: Number(userBucket) };
        READ_SUMS.forEach((name, index) => (sums[name] = Number(values[index])));
        found.push({ userKey: String(userKey), sums });
      }
      return found;
    });
  }
}

/** In the order of the query's columns. */
const READ_SUMS = [
  'requests',
  'eligible',
  'bids',
  'wins',
  'impressions',
  'clicks',
  'conversions',
  'valueNanos',
  'spendNanos',
] as const;

/** Sums per user of decisions in [fromMs, toMs), with the outcomes of those decisions, as `SegmentSums` counts them. */
function userSums(decisions: readonly string[], outcomes: readonly string[], fromMs: number, toMs: number): string {
  const within = `decided_at_ms >= ${fromMs} AND decided_at_ms < ${toMs} AND NOT is_test`;
  const count = (kind: string) => `count(*) FILTER (kind = '${kind}')`;
  const none = `SELECT NULL AS decision_id, 0 AS wins, 0 AS impressions, 0 AS clicks, 0 AS conversions, 0 AS value, 0 AS spend WHERE false`;
  const perDecision =
    outcomes.length === 0
      ? none
      : `SELECT decision_id, ${count('win')} AS wins, ${count('bill')} AS impressions, ${count('click')} AS clicks,
          ${count('conversion')} AS conversions,
          coalesce(sum(value_nanos) FILTER (kind IN ('click', 'conversion')), 0)::BIGINT AS value,
          coalesce(sum(price_nanos) FILTER (kind = 'bill'), 0)::BIGINT AS spend
        FROM ${parquetOf(outcomes)} WHERE ${within} GROUP BY decision_id`;
  const total = (name: string) => `coalesce(sum(o.${name}), 0)::BIGINT`;
  return `SELECT user_key, any_value(user_bucket), count(*) FILTER (imp_index = 0),
      count(*) FILTER (imp_index = 0 AND is_eligible), count(*) FILTER (no_bid_reason IS NULL),
      ${['wins', 'impressions', 'clicks', 'conversions', 'value', 'spend'].map(total).join(', ')}
    FROM ${parquetOf(decisions)} d LEFT JOIN (${perDecision}) o ON o.decision_id = d.decision_id
    WHERE ${within} AND user_key IS NOT NULL AND user_bucket >= 0 GROUP BY user_key`;
}

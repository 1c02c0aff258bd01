import type { MigrationInterface, QueryRunner } from 'typeorm';

const ARM = `arm text NOT NULL CHECK (arm IN ('champion', 'canary'))`;
const SUMS = [
  'requests',
  'eligible',
  'bids',
  'wins',
  'impressions',
  'clicks',
  'conversions',
  'value_nanos',
  'spend_nanos',
  'fallbacks',
  'errors',
  'late',
  'repeats',
];
const SUM_COLUMNS = SUMS.map((name) => `${name} bigint NOT NULL CHECK (${name} >= 0)`).join(',\n    ');
const REPEATS = 'repeats bigint NOT NULL DEFAULT 0 CHECK (repeats >= 0)';

/**
 * What verdicts read beside the bucket sums: repeated exposures, decision latencies, the plan's segments, and what the users of
 * either arm did before the rollout. The first three are written with their segment of events; the last is frozen once.
 */
const UP = [
  `ALTER TABLE kpi_rollup ADD COLUMN ${REPEATS}`,
  `ALTER TABLE traffic_tick ADD COLUMN ${REPEATS}`,
  `CREATE TABLE latency_rollup (
    cell text NOT NULL,
    rollout_id text NOT NULL,
    stage integer NOT NULL,
    ${ARM},
    bucket_ms bigint NOT NULL,
    bin integer NOT NULL CHECK (bin BETWEEN 0 AND 416),
    decisions bigint NOT NULL CHECK (decisions > 0),
    PRIMARY KEY (cell, rollout_id, bucket_ms, stage, arm, bin)
  ) WITH (fillfactor = 70)`,
  `CREATE TABLE segment_rollup (
    cell text NOT NULL,
    rollout_id text NOT NULL,
    stage integer NOT NULL,
    ${ARM},
    bucket_ms bigint NOT NULL,
    segment_by text NOT NULL CHECK (segment_by IN ('deviceType', 'country', 'exchange', 'campaign')),
    segment_value text NOT NULL,
    user_bucket integer NOT NULL CHECK (user_bucket BETWEEN -1 AND 199),
    ${SUM_COLUMNS},
    PRIMARY KEY (cell, rollout_id, bucket_ms, stage, arm, segment_by, segment_value, user_bucket)
  ) WITH (fillfactor = 70)`,
  `CREATE TABLE pre_period (
    rollout_id text NOT NULL REFERENCES rollout,
    stage integer NOT NULL,
    from_ms bigint NOT NULL,
    to_ms bigint NOT NULL CHECK (to_ms >= from_ms),
    frozen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rollout_id, stage)
  )`,
  `CREATE TABLE pre_period_sum (
    rollout_id text NOT NULL,
    stage integer NOT NULL,
    ${ARM},
    user_bucket integer NOT NULL CHECK (user_bucket BETWEEN 0 AND 199),
    ${SUM_COLUMNS},
    PRIMARY KEY (rollout_id, stage, arm, user_bucket),
    FOREIGN KEY (rollout_id, stage) REFERENCES pre_period
  )`,
  `CREATE FUNCTION refuse_pre_period_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a frozen pre-period is immutable' USING ERRCODE = 'restrict_violation'; END $$`,
  ...['pre_period', 'pre_period_sum'].map(
    (table) => `CREATE TRIGGER ${table}_is_immutable BEFORE UPDATE OR DELETE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION refuse_pre_period_change()`,
  ),
];

const DOWN = [
  'DROP TABLE pre_period_sum',
  'DROP TABLE pre_period',
  'DROP FUNCTION refuse_pre_period_change()',
  'DROP TABLE segment_rollup',
  'DROP TABLE latency_rollup',
  'ALTER TABLE traffic_tick DROP COLUMN repeats',
  'ALTER TABLE kpi_rollup DROP COLUMN repeats',
];

export class VerdictSums implements MigrationInterface {
  name = 'verdict-sums-0000000000006';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

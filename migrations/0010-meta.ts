import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Ranges of the weights that are served (domain/contracts/weight-ranges.ts): the database refuses any other value. */
const RANGES: readonly [weight: string, least: number, most: number][] = [
  ['wPace', 0.05, 2],
  ['beta', 1, 4],
  ['spendFloor', 0.5, 0.98],
  ['kMax', 1, 4],
  ['epsilonBid', 0.01, 0.1],
  ['sigmaBid', 0.05, 0.5],
  ['gamma0', 10, 1000],
  ['epsilonCreative', 0.01, 0.1],
  ['wFatigue', 0, 0.5],
  ['creditMix', 0.2, 0.8],
];
const IN_RANGE = (column: string) =>
  RANGES.map(([weight, least, most]) => `(weight = '${weight}' AND ${column} BETWEEN ${least} AND ${most})`).join(
    ' OR ',
  );

/**
 * Reward weights as a chain of changes: the newest event of a campaign and weight is its value, and `version` numbers the state of the
 * whole cell. Autonomy levels lie beside the shares they belong to; repeated exposures are counted per campaign.
 */
const UP = [
  `ALTER TABLE campaign_rollup ADD COLUMN repeats bigint NOT NULL DEFAULT 0 CHECK (repeats >= 0)`,
  `CREATE TABLE weight_event (
    key text PRIMARY KEY,
    cell text NOT NULL,
    campaign_id text NOT NULL REFERENCES campaign,
    weight text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    from_value double precision NOT NULL,
    to_value double precision NOT NULL,
    kind text NOT NULL CHECK (kind IN ('step', 'reversal', 'operator')),
    by text NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    evidence jsonb,
    at_ms bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (cell, version),
    CONSTRAINT weight_event_from_in_range CHECK (${IN_RANGE('from_value')}),
    CONSTRAINT weight_event_to_in_range CHECK (${IN_RANGE('to_value')})
  )`,
  `CREATE INDEX weight_event_newest ON weight_event (cell, campaign_id, weight, version DESC)`,
  `CREATE TRIGGER weight_event_append_only BEFORE UPDATE OR DELETE ON weight_event
    FOR EACH ROW EXECUTE FUNCTION append_only()`,
  `CREATE TRIGGER weight_event_no_truncate BEFORE TRUNCATE ON weight_event
    FOR EACH STATEMENT EXECUTE FUNCTION append_only()`,
  `ALTER TABLE serving_control ADD COLUMN autonomy_levels jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT serving_control_levels CHECK (
      jsonb_typeof(autonomy_levels) = 'object'
      AND NOT jsonb_path_exists(autonomy_levels, '$.* ? (!(@ == "L0" || @ == "L1" || @ == "L2" || @ == "L3"))')
    )`,
];

const DOWN = [
  `ALTER TABLE serving_control DROP COLUMN autonomy_levels`,
  `DROP TABLE weight_event`,
  `ALTER TABLE campaign_rollup DROP COLUMN repeats`,
];

export class Meta implements MigrationInterface {
  name = 'meta-0000000000010';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

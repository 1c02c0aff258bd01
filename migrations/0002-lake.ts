import type { MigrationInterface, QueryRunner } from 'typeorm';

const KPI_COLUMNS = `
  requests bigint NOT NULL CHECK (requests >= 0),
  eligible bigint NOT NULL CHECK (eligible >= 0),
  bids bigint NOT NULL CHECK (bids >= 0),
  wins bigint NOT NULL CHECK (wins >= 0),
  impressions bigint NOT NULL CHECK (impressions >= 0),
  clicks bigint NOT NULL CHECK (clicks >= 0),
  conversions bigint NOT NULL CHECK (conversions >= 0),
  value_nanos bigint NOT NULL CHECK (value_nanos >= 0),
  spend_nanos bigint NOT NULL CHECK (spend_nanos >= 0),
  fallbacks bigint NOT NULL CHECK (fallbacks >= 0),
  errors bigint NOT NULL CHECK (errors >= 0),
  late bigint NOT NULL CHECK (late >= 0)`;

const ARM = `arm text NOT NULL CHECK (arm IN ('champion', 'canary'))`;

/** Segments and what they add up to. Sums are only ever written by the transaction that stores their segment. */
const UP = [
  `CREATE TABLE segment (
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    edge_id text NOT NULL,
    segment_id text NOT NULL,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    path text NOT NULL,
    bytes integer NOT NULL CHECK (bytes > 0),
    decisions integer NOT NULL CHECK (decisions >= 0),
    shadows integer NOT NULL CHECK (shadows >= 0),
    outcomes integer NOT NULL CHECK (outcomes >= 0),
    duplicate_decisions integer NOT NULL DEFAULT 0 CHECK (duplicate_decisions >= 0),
    duplicate_outcomes integer NOT NULL DEFAULT 0 CHECK (duplicate_outcomes >= 0),
    ingested_at timestamptz NOT NULL DEFAULT now(),
    parquet_batch text,
    PRIMARY KEY (edge_id, segment_id)
  )`,
  `CREATE INDEX segment_unsealed ON segment (seq) WHERE parquet_batch IS NULL`,
  `CREATE TABLE outcome (
    decision_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('win', 'bill', 'loss', 'click', 'conversion')),
    outcome_id text NOT NULL,
    at_ms bigint NOT NULL,
    decided_at_ms bigint NOT NULL,
    edge_id text NOT NULL,
    exchange text NOT NULL,
    campaign_id text NOT NULL,
    creative_id text NOT NULL,
    ${ARM},
    rollout_id text NOT NULL,
    stage integer NOT NULL,
    user_bucket integer NOT NULL CHECK (user_bucket BETWEEN -1 AND 199),
    price_nanos bigint NOT NULL CHECK (price_nanos >= 0),
    value_nanos bigint NOT NULL CHECK (value_nanos >= 0),
    min_to_win_micros double precision CHECK (min_to_win_micros >= 0),
    loss_reason integer,
    reservation_live boolean NOT NULL,
    is_test boolean NOT NULL,
    segment_seq bigint NOT NULL REFERENCES segment (seq),
    PRIMARY KEY (decision_id, kind)
  )`,
  `CREATE INDEX outcome_by_time ON outcome USING brin (decided_at_ms)`,
  `CREATE TABLE decision_index (
    decision_id text PRIMARY KEY,
    segment_seq bigint NOT NULL REFERENCES segment (seq),
    body_at integer NOT NULL CHECK (body_at >= 0),
    body_bytes integer NOT NULL CHECK (body_bytes > 0),
    decided_at_ms bigint NOT NULL,
    request_id text NOT NULL,
    exchange text NOT NULL,
    imp_index smallint NOT NULL,
    is_test boolean NOT NULL,
    ${ARM},
    rollout_id text NOT NULL,
    campaign_id text,
    creative_id text,
    bid_micros bigint NOT NULL CHECK (bid_micros >= 0),
    no_bid_reason text,
    CHECK (no_bid_reason IS NOT NULL OR campaign_id IS NOT NULL)
  )`,
  `CREATE INDEX decision_index_by_time ON decision_index USING brin (decided_at_ms) WITH (pages_per_range = 16)`,
  `CREATE INDEX decision_index_bids ON decision_index (decided_at_ms DESC, decision_id DESC) WHERE no_bid_reason IS NULL`,
  `CREATE INDEX decision_index_by_segment ON decision_index (segment_seq DESC, body_at DESC)`,
  `CREATE TABLE kpi_rollup (
    cell text NOT NULL,
    rollout_id text NOT NULL,
    stage integer NOT NULL,
    ${ARM},
    bucket_ms bigint NOT NULL,
    user_bucket integer NOT NULL CHECK (user_bucket BETWEEN -1 AND 199),
    ${KPI_COLUMNS},
    PRIMARY KEY (cell, rollout_id, bucket_ms, stage, arm, user_bucket)
  ) WITH (fillfactor = 70)`,
  `CREATE TABLE campaign_rollup (
    cell text NOT NULL,
    campaign_id text NOT NULL,
    ${ARM},
    bucket_ms bigint NOT NULL,
    bids bigint NOT NULL CHECK (bids >= 0),
    wins bigint NOT NULL CHECK (wins >= 0),
    impressions bigint NOT NULL CHECK (impressions >= 0),
    clicks bigint NOT NULL CHECK (clicks >= 0),
    conversions bigint NOT NULL CHECK (conversions >= 0),
    value_nanos bigint NOT NULL CHECK (value_nanos >= 0),
    spend_nanos bigint NOT NULL CHECK (spend_nanos >= 0),
    PRIMARY KEY (cell, campaign_id, bucket_ms, arm)
  ) WITH (fillfactor = 70)`,
  `CREATE TABLE traffic_tick (
    cell text NOT NULL,
    tick_ms bigint NOT NULL,
    ${KPI_COLUMNS},
    PRIMARY KEY (cell, tick_ms)
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE agent_minute (
    cell text NOT NULL,
    minute_ms bigint NOT NULL,
    ${ARM},
    agent text NOT NULL CHECK (agent IN ('budget', 'creative', 'bid', 'frequency')),
    decisions bigint NOT NULL CHECK (decisions >= 0),
    model bigint NOT NULL CHECK (model >= 0),
    baseline bigint NOT NULL CHECK (baseline >= 0),
    overruled bigint NOT NULL CHECK (overruled >= 0),
    safe bigint NOT NULL CHECK (safe >= 0),
    fallbacks bigint NOT NULL CHECK (fallbacks >= 0),
    PRIMARY KEY (cell, minute_ms, agent, arm),
    CHECK (decisions = model + baseline + overruled + safe)
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE creative_stat (
    creative_id text PRIMARY KEY,
    impressions bigint NOT NULL CHECK (impressions >= 0),
    clicks bigint NOT NULL CHECK (clicks >= 0)
  ) WITH (fillfactor = 50)`,
  `CREATE TABLE stage_user (
    rollout_id text NOT NULL,
    stage integer NOT NULL,
    user_key text NOT NULL,
    ${ARM},
    first_ms bigint NOT NULL,
    PRIMARY KEY (rollout_id, stage, user_key)
  )`,
  `CREATE TABLE lake_file (
    path text PRIMARY KEY,
    dataset text NOT NULL CHECK (dataset IN ('decisions', 'outcomes', 'shadows')),
    hour text NOT NULL,
    batch text NOT NULL,
    rows integer NOT NULL CHECK (rows > 0),
    bytes bigint NOT NULL CHECK (bytes > 0),
    min_at_ms bigint NOT NULL,
    max_at_ms bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE INDEX lake_file_by_time ON lake_file (dataset, max_at_ms)`,
  `CREATE TABLE training_window (
    window_id text PRIMARY KEY,
    content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    rows integer NOT NULL CHECK (rows > 0),
    wins integer NOT NULL CHECK (wins BETWEEN 0 AND rows),
    disclosed integer NOT NULL CHECK (disclosed BETWEEN 0 AND rows),
    from_ms bigint NOT NULL,
    to_ms bigint NOT NULL CHECK (to_ms > from_ms),
    maturity_ms bigint NOT NULL CHECK (maturity_ms >= 0),
    path text NOT NULL,
    requests_by_hour_of_week jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE FUNCTION refuse_window_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a training window is immutable'; END $$`,
  `CREATE TRIGGER training_window_is_immutable BEFORE UPDATE ON training_window
    FOR EACH ROW EXECUTE FUNCTION refuse_window_change()`,
];

const DOWN = [
  `DROP TABLE training_window`,
  `DROP FUNCTION refuse_window_change()`,
  ...[
    'lake_file',
    'stage_user',
    'creative_stat',
    'agent_minute',
    'traffic_tick',
    'campaign_rollup',
    'kpi_rollup',
    'decision_index',
    'outcome',
    'segment',
  ].map((table) => `DROP TABLE ${table}`),
];

export class Lake implements MigrationInterface {
  name = 'lake-0000000000002';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of UP) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of DOWN) await runner.query(statement);
  }
}

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Core tables: what ad ops writes, what edges serve, the budget's double entry, the ledger of intents. Whatever zod checks
 * and a row can express is a CHECK here as well. Money is bigint: micros of the campaign's currency, nanos in the ledger.
 *
 * Later migrations may put `EXECUTE FUNCTION append_only()` on tables of their own.
 */
export class Core0000000000001 implements MigrationInterface {
  readonly name = 'core-0000000000001';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [APPEND_ONLY, CAMPAIGNS, CREATIVES, EDGES, BUDGET_TABLES, BUDGET_RULES, LEDGER, REQUESTS]) {
      await runner.query(sql);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE idempotency_key, access_audit, intent, budget_entry, budget_grant, budget_account,
                 canary_lease, edge, snapshot, cell_setting, creative, campaign, advertiser;
      DROP FUNCTION budget_entry_apply, budget_movement_balanced, budget_account_guard, budget_grant_guard, append_only;
    `);
  }
}

const APPEND_ONLY = `
  CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
  END $$;
`;

/** Two triggers that make a table append-only, TRUNCATE included. */
const appendOnly = (table: string): string => `
  CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION append_only();
  CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION append_only();
`;

/** Money that JavaScript can hold exactly: 1 .. 2^53 - 1. */
const positiveMicros = (column: string): string =>
  `${column} bigint NOT NULL CHECK (${column} BETWEEN 1 AND 9007199254740991)`;

const CAMPAIGNS = `
  CREATE TABLE advertiser (
    advertiser_id text PRIMARY KEY CHECK (length(advertiser_id) BETWEEN 1 AND 64),
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    domain text NOT NULL CHECK (length(domain) BETWEEN 3 AND 253),
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE campaign (
    campaign_id text PRIMARY KEY CHECK (length(campaign_id) BETWEEN 1 AND 64),
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    advertiser_id text NOT NULL REFERENCES advertiser,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    status text NOT NULL CHECK (status IN ('active', 'paused')),
    start_at timestamptz NOT NULL,
    end_at timestamptz NOT NULL,
    time_zone text NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    ${positiveMicros('daily_budget_micros')},
    ${positiveMicros('total_budget_micros')},
    objective text NOT NULL CHECK (objective IN ('value', 'surplus')),
    goal_kind text NOT NULL CHECK (goal_kind IN ('cpc', 'cpa')),
    ${positiveMicros('goal_amount_micros')},
    goal_conversion_value_micros bigint CHECK (goal_conversion_value_micros BETWEEN 1 AND 9007199254740991),
    ${positiveMicros('bid_cap_micros')},
    ${positiveMicros('safe_bid_micros')},
    targeting jsonb NOT NULL CHECK (jsonb_typeof(targeting) = 'object'),
    dayparting smallint[] NOT NULL CHECK (0 <= ALL (dayparting) AND 167 >= ALL (dayparting) AND cardinality(dayparting) <= 168),
    frequency_caps jsonb NOT NULL CHECK (jsonb_typeof(frequency_caps) = 'array' AND jsonb_array_length(frequency_caps) <= 8),
    exploration_allowance double precision NOT NULL CHECK (exploration_allowance BETWEEN 0 AND 0.5),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT campaign_flight_has_length CHECK (end_at > start_at),
    CONSTRAINT campaign_total_covers_a_day CHECK (total_budget_micros >= daily_budget_micros),
    CONSTRAINT campaign_safe_bid_within_cap CHECK (safe_bid_micros <= bid_cap_micros),
    CONSTRAINT campaign_conversion_value_of_cpa_only CHECK (goal_kind = 'cpa' OR goal_conversion_value_micros IS NULL)
  );
  CREATE INDEX campaign_advertiser ON campaign (advertiser_id);
`;

const CREATIVES = `
  CREATE TABLE creative (
    creative_id text PRIMARY KEY CHECK (length(creative_id) BETWEEN 1 AND 128),
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    campaign_id text NOT NULL REFERENCES campaign,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    type text NOT NULL CHECK (type IN ('banner')),
    width integer NOT NULL CHECK (width BETWEEN 1 AND 4096),
    height integer NOT NULL CHECK (height BETWEEN 1 AND 4096),
    markup text NOT NULL CHECK (length(markup) BETWEEN 1 AND 32768),
    landing_url text NOT NULL CHECK (landing_url ~* '^https://' AND length(landing_url) <= 2048),
    domains text[] NOT NULL CHECK (cardinality(domains) BETWEEN 1 AND 8),
    categories text[] NOT NULL CHECK (cardinality(categories) <= 16),
    attributes smallint[] NOT NULL CHECK (1 <= ALL (attributes) AND 500 >= ALL (attributes) AND cardinality(attributes) <= 32),
    review_state text NOT NULL CHECK (review_state IN ('pending', 'approved', 'rejected')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX creative_campaign ON creative (campaign_id);
`;

const EDGES = `
  -- What every snapshot of a cell carries beside campaigns and policies.
  CREATE TABLE cell_setting (
    cell text PRIMARY KEY,
    layer_salt text NOT NULL CHECK (length(layer_salt) >= 1),
    rng_seed bigint NOT NULL CHECK (rng_seed BETWEEN 0 AND 9007199254740991),
    shading_table jsonb NOT NULL CHECK (jsonb_typeof(shading_table) = 'object'),
    exchanges jsonb NOT NULL CHECK (jsonb_typeof(exchanges) = 'object'),
    fx jsonb NOT NULL CHECK (jsonb_typeof(fx) = 'object')
  );
  CREATE TABLE snapshot (
    version bigint PRIMARY KEY CHECK (version > 0),
    snapshot_id text NOT NULL UNIQUE,
    fleet text NOT NULL,
    cell text NOT NULL,
    reason text NOT NULL,
    -- Hash of everything but id, version and time: an unchanged snapshot is not published again.
    content_sha256 text NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
    payload text NOT NULL,
    key_id text NOT NULL,
    signature text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
  );
  ${appendOnly('snapshot')}
  CREATE TABLE edge (
    edge_id text PRIMARY KEY CHECK (length(edge_id) BETWEEN 1 AND 100),
    fleet text NOT NULL,
    boot_id text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    booted_at timestamptz NOT NULL,
    -- What the edge really serves, as it says itself.
    snapshot_id text,
    snapshot_version bigint,
    snapshot_since timestamptz,
    refused_snapshot jsonb,
    serving_canary jsonb,
    kill_level text NOT NULL,
    quarantined_agents text[] NOT NULL,
    counters jsonb NOT NULL,
    previous_counters jsonb,
    previous_seen_at timestamptz,
    outbox_bytes bigint NOT NULL CHECK (outbox_bytes >= 0),
    CHECK (last_seen_at >= first_seen_at)
  );
  CREATE TABLE canary_lease (
    rollout_id text PRIMARY KEY,
    cell text NOT NULL,
    stage integer NOT NULL CHECK (stage >= 0),
    share_bps integer NOT NULL CHECK (share_bps BETWEEN 0 AND 10000),
    renewed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    CHECK (expires_at > renewed_at),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
  );
  -- At most one canary lives in a cell.
  CREATE UNIQUE INDEX canary_lease_one_per_cell ON canary_lease (cell) WHERE ended_at IS NULL;
`;

const BUDGET_TABLES = `
  -- 'funding' is the advertiser's own money outside (negative balance = money taken from it); 'flight' what the campaign may
  -- still allot to days; 'day' what the day may still grant; 'granted' what edges hold; 'spent' what was paid.
  CREATE TABLE budget_account (
    account_id text PRIMARY KEY,
    campaign_id text NOT NULL REFERENCES campaign,
    kind text NOT NULL CHECK (kind IN ('funding', 'flight', 'day', 'granted', 'spent')),
    day date,
    balance_nanos bigint NOT NULL DEFAULT 0,
    CONSTRAINT budget_account_never_negative CHECK (kind = 'funding' OR balance_nanos >= 0),
    CHECK ((kind IN ('funding', 'flight')) = (day IS NULL)),
    UNIQUE NULLS NOT DISTINCT (campaign_id, kind, day)
  );
  CREATE TABLE budget_grant (
    grant_id text PRIMARY KEY,
    campaign_id text NOT NULL REFERENCES campaign,
    edge_id text NOT NULL,
    boot_id text NOT NULL,
    arm text NOT NULL CHECK (arm IN ('champion', 'canary')),
    day date NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos BETWEEN 0 AND 9007199254740991),
    outage_nanos bigint NOT NULL CHECK (outage_nanos BETWEEN 0 AND amount_nanos),
    day_plan_nanos bigint NOT NULL CHECK (day_plan_nanos BETWEEN 0 AND 9007199254740991),
    day_spent_nanos bigint NOT NULL CHECK (day_spent_nanos BETWEEN 0 AND 9007199254740991),
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),
    spent_nanos bigint NOT NULL DEFAULT 0 CHECK (spent_nanos >= 0),
    returned_nanos bigint NOT NULL DEFAULT 0 CHECK (returned_nanos >= 0),
    late_nanos bigint NOT NULL DEFAULT 0 CHECK (late_nanos >= 0),
    closed_at timestamptz,
    CONSTRAINT budget_grant_not_overdrawn CHECK (spent_nanos + returned_nanos <= amount_nanos),
    CONSTRAINT budget_grant_closed_is_settled CHECK (closed_at IS NULL OR spent_nanos + returned_nanos = amount_nanos)
  );
  CREATE INDEX budget_grant_open ON budget_grant (edge_id, campaign_id) WHERE closed_at IS NULL;
  CREATE INDEX budget_grant_day ON budget_grant (campaign_id, day, arm);
  CREATE TABLE budget_entry (
    entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    movement_id text NOT NULL,
    account_id text NOT NULL REFERENCES budget_account,
    amount_nanos bigint NOT NULL CHECK (amount_nanos <> 0),
    reason text NOT NULL CHECK (reason IN ('funded', 'defunded', 'allotted', 'unallotted', 'granted', 'spent', 'returned', 'late')),
    grant_id text REFERENCES budget_grant DEFERRABLE INITIALLY DEFERRED,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (movement_id, account_id)
  );
  CREATE INDEX budget_entry_account ON budget_entry (account_id);
  ${appendOnly('budget_entry')}
`;

const BUDGET_RULES = `
  -- A balance is the sum of its entries and moves by them only.
  CREATE FUNCTION budget_entry_apply() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    UPDATE budget_account SET balance_nanos = balance_nanos + NEW.amount_nanos WHERE account_id = NEW.account_id;
    RETURN NULL;
  END $$;
  CREATE TRIGGER budget_entry_apply AFTER INSERT ON budget_entry FOR EACH ROW EXECUTE FUNCTION budget_entry_apply();

  CREATE FUNCTION budget_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'INSERT' AND NEW.balance_nanos = 0 THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() >= 2 THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'budget_account moves by budget_entry only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
  END $$;
  CREATE TRIGGER budget_account_guard BEFORE INSERT OR UPDATE OR DELETE ON budget_account
    FOR EACH ROW EXECUTE FUNCTION budget_account_guard();

  -- Checked at commit: every movement has two entries that cancel out.
  CREATE FUNCTION budget_movement_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE entries integer; total numeric;
  BEGIN
    SELECT count(*), sum(amount_nanos) INTO entries, total FROM budget_entry WHERE movement_id = NEW.movement_id;
    IF entries <> 2 OR total <> 0 THEN
      RAISE EXCEPTION 'movement % has % entries with sum %', NEW.movement_id, entries, total
        USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_movement_balanced';
    END IF;
    RETURN NULL;
  END $$;
  CREATE CONSTRAINT TRIGGER budget_movement_balanced AFTER INSERT ON budget_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION budget_movement_balanced();

  -- A grant's terms never change; what became of it only grows.
  CREATE FUNCTION budget_grant_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE'
      OR (NEW.grant_id, NEW.campaign_id, NEW.edge_id, NEW.boot_id, NEW.arm, NEW.day, NEW.amount_nanos, NEW.outage_nanos)
         IS DISTINCT FROM
         (OLD.grant_id, OLD.campaign_id, OLD.edge_id, OLD.boot_id, OLD.arm, OLD.day, OLD.amount_nanos, OLD.outage_nanos)
      OR NEW.spent_nanos < OLD.spent_nanos OR NEW.returned_nanos < OLD.returned_nanos OR NEW.late_nanos < OLD.late_nanos
      OR (OLD.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at)
    THEN
      RAISE EXCEPTION 'budget_grant % only grows: % refused', OLD.grant_id, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER budget_grant_guard BEFORE UPDATE OR DELETE ON budget_grant
    FOR EACH ROW EXECUTE FUNCTION budget_grant_guard();
`;

const LEDGER = `
  CREATE TABLE intent (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    key text NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 500),
    kind text NOT NULL,
    publisher text NOT NULL CHECK (publisher IN ('budget', 'creative', 'bid', 'frequency', 'meta', 'operator')),
    subject text NOT NULL,
    action jsonb NOT NULL,
    reason text NOT NULL,
    expires_at timestamptz,
    recorded_at timestamptz NOT NULL,
    -- Hash chain: hash = sha256(previous_hash + canonical JSON of this row), so an edit or a gap shows.
    previous_hash text NOT NULL CHECK (previous_hash ~ '^[0-9a-f]{64}$'),
    hash text NOT NULL UNIQUE CHECK (hash ~ '^[0-9a-f]{64}$')
  );
  ${appendOnly('intent')}
`;

const REQUESTS = `
  CREATE TABLE idempotency_key (
    actor text NOT NULL,
    route text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    request_sha256 text NOT NULL CHECK (request_sha256 ~ '^[0-9a-f]{64}$'),
    status smallint,
    body jsonb,
    headers jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, route, key)
  );
  CREATE TABLE access_audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    code text NOT NULL,
    remote_address text NOT NULL
  );
  ${appendOnly('access_audit')}
`;

import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The ledger as one record: the audit of calls is chained by hash as the intents are, heads of both chains are signed, messages
 * leave through an outbox, and the sums that agents' slow decisions read are kept by hour.
 */
export class Ledger0000000000011 implements MigrationInterface {
  readonly name = 'ledger-0000000000011';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [CHAINED_AUDIT, HEADS, MESSAGES, SUMS, INTENTS]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE advertiser DROP COLUMN daily_budget_micros;
      DROP INDEX intent_by_subject;
      DROP TABLE active_intent, pacing_tick, creative_hour, conflict_hour;
      DROP TABLE message_handled, message_delivery, message_consumer, message;
      DROP TABLE chain_head;
      ALTER TABLE access_audit DROP CONSTRAINT access_audit_seq, DROP COLUMN previous_hash, DROP COLUMN hash, ALTER COLUMN at SET DEFAULT now(),
        ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY;
      SELECT setval(pg_get_serial_sequence('access_audit', 'seq'), (SELECT max(seq) FROM access_audit));
    `);
  }
}

const appendOnly = (table: string): string => `
  CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION append_only();
  CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION append_only();
`;

const CAMPAIGN_ARM = `arm text NOT NULL CHECK (arm IN ('champion', 'canary'))`;

/**
 * Numbers the audit without gaps and chains what it holds already. The hashed text is the canonical JSON of the row
 * (domain/contracts/hash-chain.ts), with the time in UTC, milliseconds, or microseconds where the row has them.
 */
const CHAINED_AUDIT = `
  ALTER TABLE access_audit ALTER COLUMN seq DROP IDENTITY, ALTER COLUMN at DROP DEFAULT, ADD COLUMN previous_hash text, ADD COLUMN hash text;
  ALTER TABLE access_audit DISABLE TRIGGER access_audit_append_only;
  DO $$
  DECLARE entry record; number bigint := 0; previous text := repeat('0', 64); at_text text; content text;
  BEGIN
    FOR entry IN SELECT * FROM access_audit ORDER BY seq LOOP
      number := number + 1;
      at_text := regexp_replace(to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '000$', '') || 'Z';
      content := '{"actor":' || to_json(entry.actor)::text || ',"at":' || to_json(at_text)::text || ',"code":' || to_json(entry.code)::text
        || ',"method":' || to_json(entry.method)::text || ',"path":' || to_json(entry.path)::text
        || ',"remoteAddress":' || to_json(entry.remote_address)::text || ',"seq":' || number || '}';
      UPDATE access_audit SET seq = number, previous_hash = previous,
        hash = encode(sha256(convert_to(previous || content, 'UTF8')), 'hex') WHERE seq = entry.seq RETURNING hash INTO previous;
    END LOOP;
  END $$;
  ALTER TABLE access_audit ENABLE TRIGGER access_audit_append_only;
  ALTER TABLE access_audit ALTER COLUMN previous_hash SET NOT NULL, ALTER COLUMN hash SET NOT NULL,
    ADD CONSTRAINT access_audit_seq CHECK (seq > 0), ADD CONSTRAINT access_audit_one_hash UNIQUE (hash),
    ADD CONSTRAINT access_audit_hash CHECK (hash ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT access_audit_previous_hash CHECK (previous_hash ~ '^[0-9a-f]{64}$');
`;

const HEADS = `
  -- One signed statement a day of how long each chain is and how it ends: what was cut off afterwards shows.
  CREATE TABLE chain_head (
    chain text NOT NULL CHECK (chain IN ('ledger', 'audit')),
    number integer NOT NULL CHECK (number > 0),
    day date NOT NULL,
    payload text NOT NULL,
    key_id text NOT NULL,
    signature text NOT NULL,
    PRIMARY KEY (chain, number),
    UNIQUE (chain, day)
  );
  ${appendOnly('chain_head')}
`;

const MESSAGES = `
  -- Written in the transaction of what they tell of; delivered after its commit, at least once to each consumer.
  CREATE TABLE message (
    message_id text PRIMARY KEY CHECK (length(message_id) BETWEEN 1 AND 200),
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    topic text NOT NULL CHECK (length(topic) BETWEEN 1 AND 100),
    schema_version integer NOT NULL CHECK (schema_version > 0),
    payload jsonb NOT NULL,
    produced_at timestamptz NOT NULL
  );
  CREATE TABLE message_consumer (
    consumer text NOT NULL CHECK (length(consumer) BETWEEN 1 AND 100),
    topic text NOT NULL,
    PRIMARY KEY (consumer, topic)
  );
  CREATE TABLE message_delivery (
    consumer text NOT NULL,
    position bigint NOT NULL,
    message_id text NOT NULL REFERENCES message ON DELETE CASCADE,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz NOT NULL DEFAULT now(),
    dead_at timestamptz,
    last_error text,
    PRIMARY KEY (consumer, message_id)
  );
  CREATE INDEX message_delivery_due ON message_delivery (consumer, position) WHERE dead_at IS NULL;
  -- What a consumer has taken in: the row stands and falls with the effect, so that a message has it once.
  CREATE TABLE message_handled (
    consumer text NOT NULL,
    message_id text NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
  );
  CREATE INDEX message_handled_at ON message_handled USING brin (handled_at);
`;

const SUMS = `
  -- Conflicts between agents by hour of the decision. "ledgered" is what the ledger's hourly sums have told of so far.
  CREATE TABLE conflict_hour (
    cell text NOT NULL,
    hour_ms bigint NOT NULL CHECK (hour_ms % 3600000 = 0),
    ${CAMPAIGN_ARM},
    rule text NOT NULL,
    winner text NOT NULL,
    loser text NOT NULL,
    conflicts bigint NOT NULL CHECK (conflicts >= 0),
    ledgered bigint NOT NULL DEFAULT 0 CHECK (ledgered BETWEEN 0 AND conflicts),
    PRIMARY KEY (cell, hour_ms, rule, winner, loser, arm)
  ) WITH (fillfactor = 70);
  CREATE INDEX conflict_hour_untold ON conflict_hour (cell, hour_ms) WHERE conflicts > ledgered;
  -- Bids, repeats (a user's fourth exposure within 24 h or a later one) and what came of them, per exchange and creative.
  CREATE TABLE creative_hour (
    cell text NOT NULL,
    hour_ms bigint NOT NULL CHECK (hour_ms % 3600000 = 0),
    exchange text NOT NULL,
    creative_id text NOT NULL,
    bids bigint NOT NULL CHECK (bids >= 0),
    repeats bigint NOT NULL CHECK (repeats >= 0 AND repeats <= bids),
    impressions bigint NOT NULL CHECK (impressions >= 0),
    clicks bigint NOT NULL CHECK (clicks >= 0),
    value_nanos bigint NOT NULL CHECK (value_nanos >= 0),
    spend_nanos bigint NOT NULL CHECK (spend_nanos >= 0),
    PRIMARY KEY (cell, hour_ms, exchange, creative_id)
  ) WITH (fillfactor = 70);
  -- The Budget agent's multiplier and pass-through over one tick (1/48 day), as sums of millionths over bids.
  CREATE TABLE pacing_tick (
    cell text NOT NULL,
    tick_ms bigint NOT NULL CHECK (tick_ms % 1800000 = 0),
    campaign_id text NOT NULL,
    bids bigint NOT NULL CHECK (bids >= 0),
    multiplier_ppm bigint NOT NULL CHECK (multiplier_ppm >= 0),
    pass_through_ppm bigint NOT NULL CHECK (pass_through_ppm >= 0),
    PRIMARY KEY (cell, tick_ms, campaign_id)
  ) WITH (fillfactor = 70);
`;

const INTENTS = `
  -- The newest intent of each kind and subject: a projection of the ledger for its readers. seq fences an older message.
  CREATE TABLE active_intent (
    kind text NOT NULL,
    subject text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    action jsonb NOT NULL,
    reason text NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (kind, subject)
  );
  CREATE INDEX active_intent_expiry ON active_intent (expires_at);
  CREATE INDEX intent_by_subject ON intent (kind, subject, seq);
  -- Daily budget of all campaigns of an advertiser together; NULL = the sum of theirs.
  ALTER TABLE advertiser ADD COLUMN daily_budget_micros bigint CHECK (daily_budget_micros BETWEEN 1 AND 9007199254740991);
`;

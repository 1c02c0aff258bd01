import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Retraining that can be trusted: incident windows, what a frozen window was made of, fences and checkpoints of attempts, progress of
 * runs, sealed manifests.
 */
export class Retraining0000000000009 implements MigrationInterface {
  readonly name = 'retraining-0000000000009';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [INCIDENTS, WINDOWS, ATTEMPTS, RUNS, SEALS]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE model_version DROP COLUMN seal;
      ALTER TABLE training_run DROP COLUMN progress;
      DELETE FROM training_run WHERE agent = 'several';
      ALTER TABLE training_run DROP CONSTRAINT training_run_agent_check;
      ALTER TABLE training_run ADD CONSTRAINT training_run_agent_check
        CHECK (agent IN ('budget', 'creative', 'bid', 'frequency'));
      DROP TABLE training_attempt;
      ALTER TABLE training_window DROP COLUMN format, DROP COLUMN profile;
      DROP TRIGGER incident_of_stop ON serving_control;
      DROP TRIGGER incident_of_rollback ON rollout;
      DROP FUNCTION incident_of_stop, incident_of_rollback;
      DROP TABLE incident_window;
      DROP FUNCTION incident_window_guard, training_attempt_goes_up;
    `);
  }
}

const INCIDENTS = `
  -- Times whose decisions do not train; with a rollout only its canary's decisions. Stops and roll-backs write theirs by trigger, so
  -- that no way to stop can forget it.
  CREATE TABLE incident_window (
    incident_id text PRIMARY KEY CHECK (length(incident_id) BETWEEN 1 AND 64),
    cell text NOT NULL,
    rollout_id text REFERENCES rollout,
    from_at timestamptz NOT NULL,
    -- Null while it lasts.
    to_at timestamptz,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_by text,
    CHECK (to_at > from_at),
    CHECK ((to_at IS NULL) OR closed_by IS NOT NULL)
  );
  CREATE INDEX incident_window_by_time ON incident_window (cell, from_at);
  CREATE UNIQUE INDEX incident_window_one_of_rollout ON incident_window (rollout_id);
  CREATE FUNCTION incident_window_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE' OR OLD.to_at IS NOT NULL OR NEW.to_at IS NULL
      OR (NEW.incident_id, NEW.cell, NEW.rollout_id, NEW.from_at, NEW.reason, NEW.opened_by, NEW.opened_at)
         IS DISTINCT FROM
         (OLD.incident_id, OLD.cell, OLD.rollout_id, OLD.from_at, OLD.reason, OLD.opened_by, OLD.opened_at)
    THEN
      RAISE EXCEPTION 'incident_window % is only ever closed once: % refused', OLD.incident_id, TG_OP
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER incident_window_guard BEFORE UPDATE OR DELETE ON incident_window
    FOR EACH ROW EXECUTE FUNCTION incident_window_guard();
  CREATE FUNCTION incident_of_stop() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.bidding = 'stopped' AND (TG_OP = 'INSERT' OR OLD.bidding <> 'stopped') THEN
      INSERT INTO incident_window (incident_id, cell, from_at, reason, opened_by)
        VALUES ('inc_stop_' || replace(gen_random_uuid()::text, '-', ''), NEW.cell, clock_timestamp(),
          left('bidding stopped: ' || NEW.reason, 1000), NEW.updated_by);
    ELSIF TG_OP = 'UPDATE' AND OLD.bidding = 'stopped' AND NEW.bidding <> 'stopped' THEN
      UPDATE incident_window SET to_at = clock_timestamp(), closed_by = NEW.updated_by
        WHERE cell = NEW.cell AND to_at IS NULL AND incident_id LIKE 'inc_stop_%';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER incident_of_stop AFTER INSERT OR UPDATE ON serving_control
    FOR EACH ROW EXECUTE FUNCTION incident_of_stop();
  CREATE FUNCTION incident_of_rollback() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO incident_window (incident_id, cell, rollout_id, from_at, to_at, reason, opened_by, closed_by)
      VALUES ('inc_' || left(NEW.rollout_id, 60), NEW.cell, NEW.rollout_id, NEW.created_at, clock_timestamp(),
        left('rolled back: ' || NEW.reason, 1000), 'rollout', 'rollout')
      ON CONFLICT DO NOTHING;
    RETURN NEW;
  END $$;
  CREATE TRIGGER incident_of_rollback AFTER UPDATE ON rollout
    FOR EACH ROW WHEN (NEW.state = 'rolled-back' AND OLD.state IS DISTINCT FROM 'rolled-back')
    EXECUTE FUNCTION incident_of_rollback();
`;

const WINDOWS = `
  -- 1: bids only. 2: also what validation reads (user, click, notice, propensity), hashed with the rest.
  ALTER TABLE training_window ADD COLUMN format smallint NOT NULL DEFAULT 1 CHECK (format IN (1, 2));
  -- What the rows were taken from: bids seen, unusable and expected, and the incidents left out (window.service.ts).
  ALTER TABLE training_window ADD COLUMN profile jsonb NOT NULL DEFAULT '{}';
`;

const ATTEMPTS = `
  -- One row per training activity of one run. A newer attempt fences the older ones; the checkpoint is a file of ADLOOP_HOME.
  CREATE TABLE training_attempt (
    attempt_key text PRIMARY KEY,
    attempt integer NOT NULL CHECK (attempt > 0),
    checkpoint_sha256 text CHECK (checkpoint_sha256 ~ '^[0-9a-f]{64}$'),
    epoch integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    updated_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE FUNCTION training_attempt_goes_up() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.attempt < OLD.attempt THEN
      RAISE EXCEPTION 'attempt % of % is fenced by attempt %', NEW.attempt, OLD.attempt_key, OLD.attempt
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER training_attempt_goes_up BEFORE UPDATE ON training_attempt
    FOR EACH ROW EXECUTE FUNCTION training_attempt_goes_up();
`;

const RUNS = `
  ALTER TABLE training_run ADD COLUMN progress jsonb;
  ALTER TABLE training_run DROP CONSTRAINT training_run_agent_check;
  ALTER TABLE training_run ADD CONSTRAINT training_run_agent_check
    CHECK (agent IN ('budget', 'creative', 'bid', 'frequency', 'several'));
`;

const SEALS = `
  -- Signature over the digests of manifest, policy and artifact; null for versions from before there were seals.
  ALTER TABLE model_version ADD COLUMN seal jsonb CHECK (jsonb_typeof(seal) = 'object');
`;

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Experiments: registrations that never change, their looks, and one canary slot per cell shared with rollouts. */
export class Experiments implements MigrationInterface {
  name = 'experiments-0000000000012';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [EXPERIMENT, LOOKS, SLOT]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER rollout_canary_slot ON rollout;
      DROP TRIGGER rollout_canary_slot_at_birth ON rollout;
      DROP TABLE experiment_look, experiment;
      DROP FUNCTION experiment_registration_guard;
      DROP FUNCTION canary_slot_guard;
    `);
  }
}

const EXPERIMENT = `
  CREATE TABLE experiment (
    experiment_id text PRIMARY KEY CHECK (length(experiment_id) BETWEEN 1 AND 64),
    fleet text NOT NULL,
    cell text NOT NULL,
    subject jsonb NOT NULL CHECK (jsonb_typeof(subject) = 'object'),
    plan jsonb NOT NULL CHECK (jsonb_typeof(plan) = 'object'),
    plan_digest text NOT NULL CHECK (plan_digest ~ '^[0-9a-f]{64}$'),
    requested_by text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'registered'
      CHECK (state IN ('registered', 'opening', 'running', 'paused', 'ending', 'ended', 'refused')),
    result text CHECK (result IN ('treatment-better', 'control-better', 'no-difference-shown', 'invalid-too-few-data',
      'invalid-sample-ratio', 'invalid-no-data', 'invalid-error', 'invalid-champion-changed', 'invalid-paused-too-long',
      'stopped-by-guardrail', 'aborted')),
    period integer NOT NULL DEFAULT 0 CHECK (period >= 0),
    look integer NOT NULL DEFAULT 0 CHECK (look >= 0),
    verdict text,
    reason text NOT NULL DEFAULT 'just registered',
    waiting_for text,
    -- The workflow's own view; seq fences a late retry of an older one.
    view jsonb,
    seq integer NOT NULL DEFAULT 0,
    claimed boolean NOT NULL DEFAULT false,
    -- Champions that both arms build on, by agent: pinned when the slot was claimed.
    champions jsonb CHECK (jsonb_typeof(champions) = 'object'),
    -- What it serves now; serve_seq fences in the same way.
    share_bps integer NOT NULL DEFAULT 0 CHECK (share_bps BETWEEN 0 AND 9500),
    serving_period integer NOT NULL DEFAULT 0,
    serve_seq integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK (claimed OR share_bps = 0),
    CHECK (NOT claimed OR champions IS NOT NULL),
    CHECK (result IS NULL OR state IN ('ending', 'ended'))
  );
  CREATE UNIQUE INDEX experiment_one_active ON experiment (cell) WHERE claimed;
  CREATE INDEX experiment_newest ON experiment (registered_at DESC, experiment_id DESC);
  -- What was registered stays as it was registered; a result is given once.
  CREATE FUNCTION experiment_registration_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE'
      OR (NEW.experiment_id, NEW.fleet, NEW.cell, NEW.subject, NEW.plan, NEW.plan_digest, NEW.requested_by, NEW.registered_at)
         IS DISTINCT FROM
         (OLD.experiment_id, OLD.fleet, OLD.cell, OLD.subject, OLD.plan, OLD.plan_digest, OLD.requested_by, OLD.registered_at)
      OR (OLD.champions IS NOT NULL AND NEW.champions IS DISTINCT FROM OLD.champions)
      OR (OLD.result IS NOT NULL AND NEW.result IS DISTINCT FROM OLD.result)
    THEN
      RAISE EXCEPTION 'experiment % is registered: % refused', OLD.experiment_id, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER experiment_registration BEFORE UPDATE OR DELETE ON experiment
    FOR EACH ROW EXECUTE FUNCTION experiment_registration_guard();
`;

const LOOKS = `
  CREATE TABLE experiment_look (
    experiment_id text NOT NULL REFERENCES experiment,
    look integer NOT NULL CHECK (look > 0),
    period integer NOT NULL CHECK (period >= 0),
    at timestamptz NOT NULL,
    plan_digest text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('treatment-better', 'control-better', 'no-difference-shown', 'too-few-data',
      'guardrail', 'srm', 'no-data', 'error')),
    digest text NOT NULL,
    evidence jsonb NOT NULL,
    PRIMARY KEY (experiment_id, look)
  );
  CREATE TRIGGER experiment_look_append_only BEFORE UPDATE OR DELETE ON experiment_look
    FOR EACH ROW EXECUTE FUNCTION append_only();
  CREATE TRIGGER experiment_look_no_truncate BEFORE TRUNCATE ON experiment_look
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
`;

/** 'slot' in ASCII: first half of the advisory lock's key; the second is the cell. */
const SLOT_LOCK = 0x736c6f74;

const SLOT = `
  -- A cell's canary slot belongs to its rollouts or to one experiment. Both claims take the cell's lock, so that neither can
  -- overlook the other; the loser gets a unique violation, as from an index over both tables.
  CREATE FUNCTION canary_slot_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE holder text;
  BEGIN
    PERFORM pg_advisory_xact_lock(${SLOT_LOCK}, hashtext(NEW.cell));
    IF TG_TABLE_NAME = 'rollout' THEN
      SELECT experiment_id INTO holder FROM experiment WHERE cell = NEW.cell AND claimed;
    ELSE
      SELECT rollout_id INTO holder FROM rollout WHERE cell = NEW.cell AND claimed ORDER BY rollout_id LIMIT 1;
    END IF;
    IF holder IS NOT NULL THEN
      RAISE EXCEPTION 'canary slot of % is held by %', NEW.cell, holder
        USING ERRCODE = 'unique_violation', CONSTRAINT = 'canary_slot', DETAIL = holder;
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER rollout_canary_slot BEFORE UPDATE OF claimed ON rollout FOR EACH ROW
    WHEN (NEW.claimed AND NOT OLD.claimed) EXECUTE FUNCTION canary_slot_guard();
  CREATE TRIGGER rollout_canary_slot_at_birth BEFORE INSERT ON rollout FOR EACH ROW
    WHEN (NEW.claimed) EXECUTE FUNCTION canary_slot_guard();
  CREATE TRIGGER experiment_canary_slot BEFORE UPDATE OF claimed ON experiment FOR EACH ROW
    WHEN (NEW.claimed AND NOT OLD.claimed) EXECUTE FUNCTION canary_slot_guard();
`;

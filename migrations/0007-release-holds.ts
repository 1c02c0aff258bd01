import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What blocks increases (freeze calendar, stop-the-line), and rollouts that wait for another one's lock. */
export class ReleaseHolds0000000000007 implements MigrationInterface {
  readonly name = 'release-holds-0000000000007';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [HOLDS, LINE_RULES, WAITING]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP INDEX rollout_one_waiting;
      ALTER TABLE rollout DROP COLUMN waits, DROP COLUMN superseded_by;
      UPDATE rollout SET state = 'refused', ended_at = coalesce(ended_at, now()) WHERE state IN ('queued', 'superseded');
      ALTER TABLE rollout DROP CONSTRAINT rollout_state_check;
      ALTER TABLE rollout ADD CONSTRAINT rollout_state_check CHECK (state IN (${states(STATES_BEFORE)}));
      DROP TABLE release_line, release_freeze;
      DROP FUNCTION release_line_four_eyes, release_freeze_guard;
    `);
  }
}

const STATES_BEFORE = [
  'planned',
  'shadow',
  'awaiting-approval',
  'canary',
  'paused',
  'promoting',
  'promoted',
  'rolling-back',
  'rolled-back',
  'aborted',
  'rejected',
  'refused',
];
const states = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ');

const HOLDS = `
  CREATE TABLE release_freeze (
    freeze_id text PRIMARY KEY CHECK (length(freeze_id) BETWEEN 1 AND 64),
    fleet text NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    from_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    time_zone text NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    -- Hours of the week that are frozen, 0 = Monday 00:00 in the time zone; empty = all of them.
    hours_of_week smallint[] NOT NULL
      CHECK (0 <= ALL (hours_of_week) AND 167 >= ALL (hours_of_week) AND cardinality(hours_of_week) <= 168),
    declared_by text NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT now(),
    lifted_at timestamptz,
    lifted_by text,
    lift_reason text,
    CONSTRAINT release_freeze_has_length CHECK (until_at > from_at),
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL))
  );
  CREATE INDEX release_freeze_standing ON release_freeze (fleet, until_at) WHERE lifted_at IS NULL;
  CREATE TABLE release_line (
    fleet text PRIMARY KEY,
    stopped_by text,
    changed_by text NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    version integer NOT NULL CHECK (version > 0),
    changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (stopped_by IS NULL OR stopped_by = changed_by)
  );
`;

const LINE_RULES = `
  -- Who stopped the line does not resume it.
  CREATE FUNCTION release_line_four_eyes() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE' OR NEW.fleet <> OLD.fleet OR NEW.version <> OLD.version + 1 THEN
      RAISE EXCEPTION 'release_line moves one version at a time' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.stopped_by IS NOT NULL AND NEW.changed_by = OLD.stopped_by THEN
      RAISE EXCEPTION '% stopped the line of % and cannot change it', OLD.stopped_by, OLD.fleet
        USING ERRCODE = 'check_violation', CONSTRAINT = 'release_line_four_eyes';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER release_line_four_eyes BEFORE UPDATE OR DELETE ON release_line
    FOR EACH ROW EXECUTE FUNCTION release_line_four_eyes();
  -- A freeze is only ever lifted, once.
  CREATE FUNCTION release_freeze_guard() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP = 'DELETE' OR OLD.lifted_at IS NOT NULL
      OR (NEW.freeze_id, NEW.fleet, NEW.name, NEW.reason, NEW.from_at, NEW.until_at, NEW.time_zone, NEW.hours_of_week, NEW.declared_by)
         IS DISTINCT FROM
         (OLD.freeze_id, OLD.fleet, OLD.name, OLD.reason, OLD.from_at, OLD.until_at, OLD.time_zone, OLD.hours_of_week, OLD.declared_by)
    THEN
      RAISE EXCEPTION 'release_freeze % may only be lifted, once', OLD.freeze_id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER release_freeze_guard BEFORE UPDATE OR DELETE ON release_freeze
    FOR EACH ROW EXECUTE FUNCTION release_freeze_guard();
`;

const WAITING = `
  ALTER TABLE rollout DROP CONSTRAINT rollout_state_check;
  ALTER TABLE rollout ADD CONSTRAINT rollout_state_check
    CHECK (state IN (${states([...STATES_BEFORE, 'queued', 'superseded'])}));
  -- waits: in the queue for (cell, agent); superseded_by: the newer rollout that took its place.
  ALTER TABLE rollout ADD COLUMN waits boolean NOT NULL DEFAULT false CHECK (NOT (waits AND claimed)),
    ADD COLUMN superseded_by text;
  -- Only the latest waits.
  CREATE UNIQUE INDEX rollout_one_waiting ON rollout (cell, agent) WHERE waits;
`;

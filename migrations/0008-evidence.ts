import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who was champion when, so that no two ever were at once; and what forecasts were worth. */
export class Evidence0000000000008 implements MigrationInterface {
  readonly name = 'evidence-0000000000008';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [PERIODS, HISTORY, SCORES]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE forecast_score;
      DROP TRIGGER champion_period_follows ON deployment_event;
      DROP TABLE champion_period;
      DROP FUNCTION open_champion_period, champion_period_only_closes;
      DROP TYPE champion_of;
    `);
  }
}

const AGENT = `agent text NOT NULL CHECK (agent IN ('budget', 'creative', 'bid', 'frequency'))`;

const PERIODS = `
  -- A range of one text: gist knows equality of ranges, so the exclusion needs no extension (docs/decisions/015).
  CREATE TYPE champion_of AS RANGE (subtype = text, collation = "C");
  CREATE TABLE champion_period (
    event_id bigint PRIMARY KEY REFERENCES deployment_event,
    cell text NOT NULL,
    ${AGENT},
    model_version_id text NOT NULL REFERENCES model_version,
    during tstzrange NOT NULL CHECK (NOT isempty(during) AND NOT lower_inf(during) AND lower_inc(during) AND NOT upper_inc(during)),
    CONSTRAINT one_champion_at_any_instant EXCLUDE USING gist
      (champion_of(agent || '/' || cell, agent || '/' || cell, '[]') WITH =, during WITH &&)
  );
  CREATE FUNCTION champion_period_only_closes() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF TG_OP <> 'UPDATE' OR NOT upper_inf(OLD.during) OR upper_inf(NEW.during) OR lower(NEW.during) <> lower(OLD.during)
       OR (NEW.event_id, NEW.cell, NEW.agent, NEW.model_version_id) IS DISTINCT FROM (OLD.event_id, OLD.cell, OLD.agent, OLD.model_version_id) THEN
      RAISE EXCEPTION 'champion_period is append-only: an open period may only be closed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER champion_period_only_closes BEFORE UPDATE OR DELETE ON champion_period
    FOR EACH ROW EXECUTE FUNCTION champion_period_only_closes();
  CREATE TRIGGER champion_period_no_truncate BEFORE TRUNCATE ON champion_period
    FOR EACH STATEMENT EXECUTE FUNCTION champion_period_only_closes();
  -- A clock that steps back must not refuse a rollback: a period then lasts its least length, a microsecond.
  CREATE FUNCTION open_champion_period() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE
    since timestamptz;
  BEGIN
    UPDATE champion_period SET during = tstzrange(lower(during), greatest(NEW.at, lower(during) + interval '1 microsecond'))
      WHERE cell = NEW.cell AND agent = NEW.agent AND upper_inf(during);
    SELECT greatest(NEW.at, max(upper(during))) INTO since FROM champion_period WHERE cell = NEW.cell AND agent = NEW.agent;
    INSERT INTO champion_period (event_id, cell, agent, model_version_id, during)
      VALUES (NEW.event_id, NEW.cell, NEW.agent, NEW.to_model_version_id, tstzrange(since, NULL));
    RETURN NULL;
  END $$;
  CREATE TRIGGER champion_period_follows AFTER INSERT ON deployment_event
    FOR EACH ROW WHEN (NEW.role = 'champion') EXECUTE FUNCTION open_champion_period();
`;

/** Periods of what was deployed before this table, by the same rule as the trigger's. */
const HISTORY = `
  DO $$
  DECLARE
    event deployment_event;
    since timestamptz;
  BEGIN
    FOR event IN SELECT * FROM deployment_event WHERE role = 'champion' ORDER BY cell, agent, pointer_version LOOP
      UPDATE champion_period SET during = tstzrange(lower(during), greatest(event.at, lower(during) + interval '1 microsecond'))
        WHERE cell = event.cell AND agent = event.agent AND upper_inf(during);
      SELECT greatest(event.at, max(upper(during))) INTO since FROM champion_period WHERE cell = event.cell AND agent = event.agent;
      INSERT INTO champion_period (event_id, cell, agent, model_version_id, during)
        VALUES (event.event_id, event.cell, event.agent, event.to_model_version_id, tstzrange(since, NULL));
    END LOOP;
  END $$;
`;

const SCORES = `
  CREATE TABLE forecast_score (
    rollout_id text NOT NULL REFERENCES rollout,
    source text NOT NULL CHECK (source IN ('ope', 'simulator')),
    metric text NOT NULL,
    ${AGENT},
    family text NOT NULL CHECK (family IN ('multi-agent', 'monolith')),
    candidate_id text NOT NULL REFERENCES model_version,
    -- Relative effects, candidate over champion minus 1.
    forecast_effect double precision NOT NULL,
    forecast_lower double precision NOT NULL,
    forecast_upper double precision NOT NULL,
    confidence double precision NOT NULL CHECK (confidence > 0 AND confidence < 1),
    -- 'scored', or why the canary found nothing to score by.
    outcome text NOT NULL CHECK (outcome IN ('scored', 'no-canary', 'not-measured')),
    found_effect double precision,
    found_lower double precision,
    found_upper double precision,
    stage integer,
    look integer,
    look_digest text,
    scored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rollout_id, source, metric),
    FOREIGN KEY (rollout_id, stage, look) REFERENCES look,
    CHECK (forecast_lower <= forecast_upper),
    CHECK ((outcome = 'scored') = (found_effect IS NOT NULL AND found_lower IS NOT NULL AND found_upper IS NOT NULL AND look_digest IS NOT NULL))
  );
  CREATE TRIGGER forecast_score_append_only BEFORE UPDATE OR DELETE ON forecast_score FOR EACH ROW EXECUTE FUNCTION append_only();
  CREATE TRIGGER forecast_score_no_truncate BEFORE TRUNCATE ON forecast_score FOR EACH STATEMENT EXECUTE FUNCTION append_only();
`;

import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Registry, pointers, rollouts, looks, approvals, training runs: what may serve, what serves, and who allowed it. */
export class Delivery0000000000003 implements MigrationInterface {
  readonly name = 'delivery-0000000000003';

  async up(runner: QueryRunner): Promise<void> {
    for (const sql of [REGISTRY, ROLLOUTS, EVIDENCE, TRAINING]) await runner.query(sql);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE training_run, approval, look, serving_control, deployment_event, pointer, rollout, model_version;
      DROP FUNCTION pointer_moves_forward;
      DROP SEQUENCE rollback_sequence;
    `);
  }
}

const AGENT = `agent text NOT NULL CHECK (agent IN ('budget', 'creative', 'bid', 'frequency'))`;

const appendOnly = (table: string): string => `
  CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION append_only();
  CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION append_only();
`;

const REGISTRY = `
  CREATE TABLE model_version (
    model_version_id text PRIMARY KEY CHECK (length(model_version_id) BETWEEN 1 AND 128),
    ${AGENT},
    family text NOT NULL CHECK (family IN ('multi-agent', 'monolith')),
    parent_id text REFERENCES model_version,
    artifact_sha256 text CHECK (artifact_sha256 ~ '^[0-9a-f]{64}$'),
    -- The manifest as registered: policy, lineage, gates (domain/contracts/model-manifest.ts).
    manifest jsonb NOT NULL CHECK (jsonb_typeof(manifest) = 'object'),
    gates_passed boolean NOT NULL,
    created_by text NOT NULL,
    registration_key text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model_version_id, agent)
  );
  ${appendOnly('model_version')}
  -- One champion per cell and agent at any instant: the primary key says so. version makes every move a compare-and-set.
  CREATE TABLE pointer (
    cell text NOT NULL,
    ${AGENT},
    role text NOT NULL CHECK (role IN ('champion', 'last-known-good')),
    model_version_id text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cell, agent, role),
    FOREIGN KEY (model_version_id, agent) REFERENCES model_version (model_version_id, agent)
  );
  CREATE FUNCTION pointer_moves_forward() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF NEW.version <> OLD.version + 1 OR (NEW.cell, NEW.agent, NEW.role) IS DISTINCT FROM (OLD.cell, OLD.agent, OLD.role) THEN
      RAISE EXCEPTION 'pointer %/%/% moves one version at a time', OLD.cell, OLD.agent, OLD.role USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER pointer_moves_forward BEFORE UPDATE ON pointer FOR EACH ROW EXECUTE FUNCTION pointer_moves_forward();
  CREATE TABLE deployment_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    cell text NOT NULL,
    ${AGENT},
    role text NOT NULL CHECK (role IN ('champion', 'last-known-good')),
    from_model_version_id text REFERENCES model_version,
    to_model_version_id text NOT NULL REFERENCES model_version,
    pointer_version integer NOT NULL,
    rollout_id text,
    actor text NOT NULL,
    reason text NOT NULL,
    evidence_digest text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (cell, agent, role, pointer_version)
  );
  CREATE INDEX deployment_event_by_time ON deployment_event (cell, agent, role, at DESC);
  ${appendOnly('deployment_event')}
  -- What may change in serving without a new policy: kill level, quarantine, autonomy.
  CREATE TABLE serving_control (
    cell text PRIMARY KEY,
    bidding text NOT NULL DEFAULT 'running' CHECK (bidding IN ('running', 'stopped')),
    quarantined text[] NOT NULL DEFAULT '{}' CHECK (quarantined <@ ARRAY['budget', 'creative', 'bid', 'frequency']),
    autonomy_bps jsonb NOT NULL,
    last_key text,
    updated_by text NOT NULL,
    reason text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
  );
`;

const ROLLOUTS = `
  CREATE TABLE rollout (
    rollout_id text PRIMARY KEY CHECK (length(rollout_id) BETWEEN 1 AND 64),
    fleet text NOT NULL,
    cell text NOT NULL,
    ${AGENT},
    candidate_id text NOT NULL,
    rollback_target_id text,
    plan jsonb NOT NULL,
    requested_by text NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'shadow', 'awaiting-approval', 'canary', 'paused', 'promoting', 'promoted',
      'rolling-back', 'rolled-back', 'aborted', 'rejected', 'refused')),
    stage integer NOT NULL DEFAULT 0 CHECK (stage >= 0),
    look integer NOT NULL DEFAULT 0 CHECK (look >= 0),
    verdict text,
    evidence_digest text,
    reason text NOT NULL DEFAULT '',
    waiting_for text,
    -- The workflow's own view; seq fences a late retry of an older one.
    view jsonb,
    seq integer NOT NULL DEFAULT 0,
    claimed boolean NOT NULL DEFAULT false,
    -- What it serves now; serve_seq fences in the same way.
    share_bps integer NOT NULL DEFAULT 0 CHECK (share_bps BETWEEN 0 AND 9500),
    serving_stage integer NOT NULL DEFAULT 0,
    shadow_bps integer NOT NULL DEFAULT 0 CHECK (shadow_bps BETWEEN 0 AND 10000),
    serve_seq integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK (claimed OR (share_bps = 0 AND shadow_bps = 0)),
    CHECK (NOT claimed OR rollback_target_id IS NOT NULL)
  );
  -- One active rollout per cell and agent; one serving canary per cell.
  CREATE UNIQUE INDEX rollout_one_active ON rollout (cell, agent) WHERE claimed;
  CREATE UNIQUE INDEX rollout_one_canary ON rollout (cell) WHERE share_bps > 0;
  CREATE INDEX rollout_newest ON rollout (created_at DESC, rollout_id DESC);
  CREATE SEQUENCE rollback_sequence AS integer;
`;

const EVIDENCE = `
  CREATE TABLE look (
    rollout_id text NOT NULL REFERENCES rollout,
    stage integer NOT NULL CHECK (stage >= 0),
    look integer NOT NULL CHECK (look > 0),
    at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('non-inferior', 'inferior', 'continue', 'inconclusive', 'no-data', 'srm', 'error')),
    digest text NOT NULL,
    evidence jsonb NOT NULL,
    PRIMARY KEY (rollout_id, stage, look)
  );
  ${appendOnly('look')}
  CREATE TABLE approval (
    approval_id text PRIMARY KEY,
    rollout_id text NOT NULL REFERENCES rollout,
    stage integer NOT NULL CHECK (stage >= 0),
    evidence_digest text NOT NULL,
    approver text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'reject')),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    expires_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    -- The same approval twice is one.
    UNIQUE (rollout_id, stage, approver, evidence_digest, decision)
  );
  ${appendOnly('approval')}
`;

const TRAINING = `
  CREATE TABLE training_run (
    run_key text PRIMARY KEY,
    fleet text NOT NULL,
    ${AGENT},
    kind text NOT NULL CHECK (kind IN ('daily', 'full', 'manual', 'drift', 'imported')),
    step text NOT NULL,
    code text,
    candidate_id text REFERENCES model_version,
    rollout_id text,
    requested_by text NOT NULL,
    view jsonb NOT NULL,
    seq integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX training_run_newest ON training_run (started_at DESC);
`;

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { RunProgress, TrainingRunRow } from '../../../../activities/training-ports';
import type { TrainingView } from '../../../../workflows/messages';

/** A training run as the API lists it. */
export interface TrainingRecord {
  workflowId: string;
  fleet: string;
  agent: string;
  kind: string;
  step: string;
  code: string | null;
  candidateId: string | null;
  rolloutId: string | null;
  requestedBy: string;
  view: TrainingView;
  /** Last progress told, by agent; of steps that are over too. */
  progress: Partial<Record<string, RunProgress>>;
  startedAt: string;
  updatedAt: string;
}

interface Row {
  run_key: string;
  fleet: string;
  agent: string;
  kind: string;
  step: string;
  code: string | null;
  candidate_id: string | null;
  rollout_id: string | null;
  requested_by: string;
  view: TrainingView;
  progress: TrainingRecord['progress'] | null;
  started_at: Date;
  updated_at: Date;
}

/** Rows of training runs, mirrored by their workflow. */
@Injectable()
export class TrainingRunRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Writes the state of a run unless a newer one is there. */
  async save(run: TrainingRunRow): Promise<void> {
    await this.insert(
      run,
      `DO UPDATE SET step = $5, code = $6, candidate_id = $7, rollout_id = $8, view = $10, seq = $11, updated_at = now()
        WHERE training_run.seq < $11 OR training_run.step IN ('failed', 'cancelled')`,
    );
  }

  /** Writes a run that was just asked for, so that it can be followed before its workflow has written anything. */
  async announce(run: TrainingRunRow): Promise<void> {
    await this.insert(run, 'DO NOTHING');
  }

  async find(workflowId: string): Promise<TrainingRecord | null> {
    const rows = await this.dataSource.query<Row[]>('SELECT * FROM training_run WHERE run_key = $1', [workflowId]);
    return rows.length === 0 ? null : recordOf(rows[0]);
  }

  /** Runs that have not ended, newest first. */
  async unended(fleet: string, agent: string, kind: string): Promise<string[]> {
    const rows = await this.dataSource.query<{ run_key: string }[]>(
      `SELECT run_key FROM training_run WHERE fleet = $1 AND agent = $2 AND kind = $3
       AND step NOT IN ('finished', 'failed', 'cancelled') ORDER BY started_at DESC LIMIT 20`,
      [fleet, agent, kind],
    );
    return rows.map((row) => row.run_key);
  }

  /** Newest first. */
  async list(limit: number): Promise<TrainingRecord[]> {
    const rows = await this.dataSource.query<Row[]>(
      'SELECT * FROM training_run ORDER BY started_at DESC, run_key LIMIT $1',
      [limit],
    );
    return rows.map(recordOf);
  }

  private async insert(run: TrainingRunRow, onConflict: string): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO training_run (run_key, fleet, agent, kind, step, code, candidate_id, rollout_id, requested_by, view, seq)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (run_key) ${onConflict}`,
      [
        run.runKey,
        run.fleet,
        run.agent,
        run.kind,
        run.step,
        run.code,
        run.candidateId,
        run.rolloutId,
        run.requestedBy,
        JSON.stringify(run.view),
        run.seq,
      ],
    );
  }
}

const recordOf = (row: Row): TrainingRecord => ({
  workflowId: row.run_key,
  fleet: row.fleet,
  agent: row.agent,
  kind: row.kind,
  step: row.step,
  code: row.code,
  candidateId: row.candidate_id,
  rolloutId: row.rollout_id,
  requestedBy: row.requested_by,
  view: row.view,
  progress: row.progress ?? {},
  startedAt: row.started_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
});

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent } from '#domain/contracts';

/** How many of the newest drift trainings are looked at. */
const NEWEST = 5;

/** How rollouts and trainings of a fleet ended: what autonomy and the retraining policy judge by. */
@Injectable()
export class FleetOutcomes {
  constructor(private readonly database: DataSource) {}

  /** Rollouts of the cell that ended rolled back in [sinceMs, untilMs). */
  async rolledBack(cell: string, sinceMs: number, untilMs: number): Promise<{ agent: Agent; rolloutId: string }[]> {
    return this.database.query(
      `SELECT agent, rollout_id AS "rolloutId" FROM rollout
       WHERE cell = $1 AND state = 'rolled-back' AND ended_at >= $2 AND ended_at < $3 ORDER BY ended_at`,
      [cell, new Date(sinceMs), new Date(untilMs)],
    );
  }

  /** Why no weight may change now: a serving canary whose samples are in doubt; null otherwise. */
  async frozen(cell: string): Promise<string | null> {
    const [row] = await this.database.query<{ rollout_id: string; verdict: string }[]>(
      `SELECT rollout_id, verdict FROM rollout
       WHERE cell = $1 AND claimed AND share_bps > 0 AND verdict IN ('srm', 'no-data') LIMIT 1`,
      [cell],
    );
    return row ? `weights rest: rollout ${row.rollout_id} has verdict ${row.verdict}` : null;
  }

  /** Candidates of the newest trainings for drift that failed in a row: a gate, the run, or their rollout. */
  async failedCandidates(fleet: string, agent: Agent): Promise<number> {
    const rows = await this.database.query<{ failed: boolean }[]>(
      `SELECT t.step = 'failed' OR t.view->>'passed' = 'false' OR coalesce(r.state IN ('rolled-back', 'rejected', 'refused', 'aborted'), false)
           AS failed
       FROM training_run t
       LEFT JOIN LATERAL (SELECT state FROM rollout WHERE candidate_id = t.candidate_id ORDER BY created_at DESC LIMIT 1) r ON true
       WHERE t.fleet = $1 AND t.agent = $2 AND t.kind = 'drift' AND t.step IN ('finished', 'failed')
       ORDER BY t.started_at DESC LIMIT ${NEWEST}`,
      [fleet, agent],
    );
    const good = rows.findIndex((row) => !row.failed);
    return good < 0 ? rows.length : good;
  }
}

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ControlPlaneConfig } from '../config';
import { FINAL } from '../rollouts/rollout.repository';

/** An edge silent for longer acknowledges nothing; it is told apart by its own gauge. */
const LIVE_SECONDS = 30;

/** How many of one kind; the label is a state or a verdict. */
export interface Count {
  label: string;
  n: number;
}

/** One way to safety that ended. */
export interface TimeToSafe {
  what: 'rollout' | 'experiment';
  seconds: number;
}

/** Figures of delivery as the database has them: the worker writes them, every process may count them. */
@Injectable()
export class DeliveryCounts {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
  ) {}

  openRollouts(): Promise<Count[]> {
    return this.counts(
      `SELECT state AS label, count(*)::integer AS n FROM rollout WHERE state NOT IN ${FINAL} GROUP BY 1`,
    );
  }

  openExperiments(): Promise<Count[]> {
    return this.counts(
      `SELECT state AS label, count(*)::integer AS n FROM experiment WHERE state NOT IN ('ended', 'refused') GROUP BY 1`,
    );
  }

  /** Looks of rollouts, by verdict. */
  looks(): Promise<Count[]> {
    return this.counts('SELECT verdict AS label, count(*)::integer AS n FROM look GROUP BY 1');
  }

  /** From verdict to the edges' acknowledgement, of all rollouts and experiments that were taken back. */
  timesToSafe(): Promise<TimeToSafe[]> {
    const of = (what: TimeToSafe['what']) =>
      `SELECT '${what}' AS what, (view->'safe'->>'timeToSafeMs')::float8 / 1000 AS seconds FROM ${what}
       WHERE view->'safe'->>'timeToSafeMs' IS NOT NULL`;
    return this.database.query<TimeToSafe[]>(`${of('rollout')} UNION ALL ${of('experiment')}`);
  }

  /** Age in seconds of the oldest snapshot of this cell that some live edge does not serve yet; 0 = none. */
  async oldestUnacknowledgedSeconds(): Promise<number> {
    const [row] = await this.database.query<{ seconds: number | null }[]>(
      `SELECT extract(epoch FROM now() - min(published_at))::float8 AS seconds FROM snapshot
       WHERE cell = $1 AND version > (SELECT min(coalesce(snapshot_version, 0)) FROM edge
         WHERE fleet = $2 AND last_seen_at > now() - make_interval(secs => $3))`,
      [this.config.cell, this.config.fleet, LIVE_SECONDS],
    );
    return Math.max(0, row?.seconds ?? 0);
  }

  private counts(sql: string): Promise<Count[]> {
    return this.database.query<Count[]>(`${sql} ORDER BY 1`);
  }
}

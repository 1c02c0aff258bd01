import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { prefixedId } from '../prefixed-id';

/** A time whose decisions do not train; with a rollout, only the decisions of its canary. */
export interface Incident {
  incidentId: string;
  cell: string;
  rolloutId: string | null;
  from: string;
  /** Null while it lasts. */
  to: string | null;
  reason: string;
  openedBy: string;
  openedAt: string;
  closedBy: string | null;
}

/** What a training window left out, as its manifest says it. */
export interface ExcludedIncident {
  incidentId: string;
  fromMs: number;
  /** Null when it lasted still at the freeze. */
  toMs: number | null;
  rolloutId: string | null;
  reason: string;
}

interface Row {
  incident_id: string;
  cell: string;
  rollout_id: string | null;
  from_at: Date;
  to_at: Date | null;
  reason: string;
  opened_by: string;
  opened_at: Date;
  closed_by: string | null;
}

/** Incident windows. Stops and roll-backs write theirs by trigger (migrations/0009); people open and close the rest. */
@Injectable()
export class IncidentRepository {
  constructor(private readonly database: DataSource) {}

  async open(input: { cell: string; from: Date; to: Date | null; reason: string; by: string }): Promise<Incident> {
    const { cell, from, to, reason, by } = input;
    const [row] = await this.database.query<Row[]>(
      `INSERT INTO incident_window (incident_id, cell, from_at, to_at, reason, opened_by, closed_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *`,
      [prefixedId('inc'), cell, from, to, reason, by, to === null ? null : by],
    );
    return incidentOf(row);
  }

  /** Ends an incident; answers null when there is none, or the closed one unchanged when it had ended before. */
  async close(incidentId: string, to: Date, by: string): Promise<Incident | null> {
    await this.database.query(
      'UPDATE incident_window SET to_at = $2, closed_by = $3 WHERE incident_id = $1 AND to_at IS NULL AND from_at < $2',
      [incidentId, to, by],
    );
    const rows = await this.database.query<Row[]>('SELECT * FROM incident_window WHERE incident_id = $1', [incidentId]);
    return rows.length === 0 ? null : incidentOf(rows[0]);
  }

  /** Newest first. */
  async list(cell: string, limit: number): Promise<Incident[]> {
    const rows = await this.database.query<Row[]>(
      'SELECT * FROM incident_window WHERE cell = $1 ORDER BY from_at DESC, incident_id LIMIT $2',
      [cell, limit],
    );
    return rows.map(incidentOf);
  }

  /** Incidents that touch [fromMs, toMs), in a stable order: the window's identity depends on them. */
  async touching(cell: string, fromMs: number, toMs: number): Promise<ExcludedIncident[]> {
    const rows = await this.database.query<Row[]>(
      `SELECT * FROM incident_window WHERE cell = $1 AND from_at < $3 AND coalesce(to_at, 'infinity') > $2
       ORDER BY from_at, incident_id`,
      [cell, new Date(fromMs), new Date(toMs)],
    );
    return rows.map((row) => ({
      incidentId: row.incident_id,
      fromMs: row.from_at.getTime(),
      toMs: row.to_at?.getTime() ?? null,
      rolloutId: row.rollout_id,
      reason: row.reason,
    }));
  }
}

const incidentOf = (row: Row): Incident => ({
  incidentId: row.incident_id,
  cell: row.cell,
  rolloutId: row.rollout_id,
  from: row.from_at.toISOString(),
  to: row.to_at?.toISOString() ?? null,
  reason: row.reason,
  openedBy: row.opened_by,
  openedAt: row.opened_at.toISOString(),
  closedBy: row.closed_by,
});

import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Agent, Kill, PolicySnapshot } from '#domain/contracts';
import type { AutonomyLevel } from '#domain/meta';

export interface ServingControlRow {
  bidding: 'running' | 'stopped';
  quarantined: Agent[];
  autonomyBps: PolicySnapshot['autonomyBps'];
  /** Levels that were ever set; an agent without one is at its start. */
  autonomyLevels: Partial<Record<Agent, AutonomyLevel>>;
}

export const FULL_AUTONOMY: PolicySnapshot['autonomyBps'] = {
  budget: 10_000,
  creative: 10_000,
  bid: 10_000,
  frequency: 10_000,
};

/** Kill level, quarantine and autonomy of a cell: they change serving without a new policy. */
@Injectable()
export class ServingControlRepository {
  constructor(private readonly dataSource: DataSource) {}

  async read(cell: string): Promise<ServingControlRow> {
    const rows = await this.dataSource.query<
      {
        bidding: 'running' | 'stopped';
        quarantined: Agent[];
        autonomy_bps: PolicySnapshot['autonomyBps'];
        autonomy_levels: ServingControlRow['autonomyLevels'];
      }[]
    >('SELECT bidding, quarantined, autonomy_bps, autonomy_levels FROM serving_control WHERE cell = $1', [cell]);
    const row = rows.at(0);
    return row === undefined
      ? { bidding: 'running', quarantined: [], autonomyBps: FULL_AUTONOMY, autonomyLevels: {} }
      : {
          bidding: row.bidding,
          quarantined: row.quarantined,
          autonomyBps: row.autonomy_bps,
          autonomyLevels: row.autonomy_levels,
        };
  }

  /** Sets both levels; repeating a key changes nothing. */
  async set(input: {
    key: string;
    cell: string;
    control: { bidding: 'running' | 'stopped'; quarantined: Agent[] };
    by: string;
    reason: string;
  }): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO serving_control (cell, bidding, quarantined, autonomy_bps, last_key, updated_by, reason)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (cell) DO UPDATE SET bidding = $2, quarantined = $3, last_key = $5, updated_by = $6, reason = $7, updated_at = now()
         WHERE serving_control.last_key IS DISTINCT FROM $5`,
      [
        input.cell,
        input.control.bidding,
        input.control.quarantined,
        JSON.stringify(FULL_AUTONOMY),
        input.key,
        input.by,
        input.reason,
      ],
    );
  }

  /** Sets levels and shares of all agents; repeating a key changes nothing. */
  async setAutonomy(input: {
    key: string;
    cell: string;
    autonomyBps: PolicySnapshot['autonomyBps'];
    autonomyLevels: ServingControlRow['autonomyLevels'];
    by: string;
    reason: string;
  }): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO serving_control (cell, autonomy_bps, autonomy_levels, last_key, updated_by, reason)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (cell) DO UPDATE SET autonomy_bps = $2, autonomy_levels = $3, last_key = $4, updated_by = $5, reason = $6,
           updated_at = now()
         WHERE serving_control.last_key IS DISTINCT FROM $4`,
      [
        input.cell,
        JSON.stringify(input.autonomyBps),
        JSON.stringify(input.autonomyLevels),
        input.key,
        input.by,
        input.reason,
      ],
    );
  }

  async seed(cell: string, autonomyBps: PolicySnapshot['autonomyBps'], manager: EntityManager): Promise<void> {
    await manager.query(
      `INSERT INTO serving_control (cell, autonomy_bps, updated_by, reason) VALUES ($1, $2, 'seed', 'shipped')
       ON CONFLICT DO NOTHING`,
      [cell, JSON.stringify(autonomyBps)],
    );
  }
}

/** The snapshot's kill order: stop outranks quarantine; quarantined agents are named in both. */
export function killOf(control: ServingControlRow): Kill {
  const level =
    control.bidding === 'stopped' ? 'stop-bidding' : control.quarantined.length > 0 ? 'quarantine-agent' : 'none';
  return { level, agents: control.quarantined };
}

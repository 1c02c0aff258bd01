import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Agent, Intent } from '#domain/contracts';
import { appendIntent } from '../ledger/append-intent';

export type PointerRole = 'champion' | 'last-known-good';

export interface Pointer {
  cell: string;
  agent: Agent;
  role: PointerRole;
  modelVersionId: string;
  version: number;
  since: string;
}

export interface PointerMove {
  /** Idempotency key of the deployment event: a repeated move changes nothing. */
  key: string;
  cell: string;
  agent: Agent;
  role: PointerRole;
  to: string;
  /** Compare: the move happens only while the pointer names this version; null = whatever it names. */
  expected: string | null;
  rolloutId: string | null;
  actor: string;
  reason: string;
  evidenceDigest: string | null;
}

interface PointerRow {
  cell: string;
  agent: Agent;
  role: PointerRole;
  model_version_id: string;
  version: number;
  since: Date;
}

/** Pointers to what serves; every move writes its deployment event in the same transaction. */
@Injectable()
export class PointerRepository {
  constructor(private readonly dataSource: DataSource) {}

  async find(
    cell: string,
    agent: Agent,
    role: PointerRole,
    manager = this.dataSource.manager,
  ): Promise<Pointer | null> {
    const rows = await manager.query<PointerRow[]>(
      'SELECT * FROM pointer WHERE cell = $1 AND agent = $2 AND role = $3',
      [cell, agent, role],
    );
    return rows.length === 0 ? null : pointerOf(rows[0]);
  }

  async list(cell: string): Promise<Pointer[]> {
    const rows = await this.dataSource.query<PointerRow[]>(
      'SELECT * FROM pointer WHERE cell = $1 ORDER BY agent, role',
      [cell],
    );
    return rows.map(pointerOf);
  }

  /**
   * Compare-and-set inside the caller's transaction. Answers what the pointer names afterwards; `moved` is false when
   * `expected` no longer holds. A key that was used before answers `moved: true` without moving again.
   */
  async move(move: PointerMove, manager: EntityManager): Promise<{ moved: boolean; modelVersionId: string }> {
    const rows = await manager.query<PointerRow[]>(
      'SELECT * FROM pointer WHERE cell = $1 AND agent = $2 AND role = $3 FOR UPDATE',
      [move.cell, move.agent, move.role],
    );
    const present = rows.at(0);
    const used = await manager.query<unknown[]>('SELECT 1 FROM deployment_event WHERE key = $1', [move.key]);
    if (used.length > 0) return { moved: true, modelVersionId: present?.model_version_id ?? move.to };
    if (move.expected !== null && present?.model_version_id !== move.expected) {
      return { moved: false, modelVersionId: present?.model_version_id ?? '' };
    }
    if (present?.model_version_id === move.to) return { moved: true, modelVersionId: move.to };
    const version = (present?.version ?? 0) + 1;
    await manager.query(
      present === undefined
        ? 'INSERT INTO pointer (cell, agent, role, model_version_id, version) VALUES ($1, $2, $3, $4, $5)'
        : `UPDATE pointer SET model_version_id = $4, version = $5, since = clock_timestamp()
           WHERE cell = $1 AND agent = $2 AND role = $3`,
      [move.cell, move.agent, move.role, move.to, version],
    );
    await manager.query(
      `INSERT INTO deployment_event
         (key, cell, agent, role, from_model_version_id, to_model_version_id, pointer_version, rollout_id, actor, reason, evidence_digest)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        move.key,
        move.cell,
        move.agent,
        move.role,
        present?.model_version_id ?? null,
        move.to,
        version,
        move.rolloutId,
        move.actor,
        move.reason,
        move.evidenceDigest,
      ],
    );
    await appendIntent(manager, deploymentOf(move, present?.model_version_id ?? null, version));
    return { moved: true, modelVersionId: move.to };
  }
}

/** A deployment as the ledger tells of it. */
function deploymentOf(move: PointerMove, from: string | null, pointerVersion: number): Intent {
  const { key, cell, agent, role, to, rolloutId, actor, reason, evidenceDigest } = move;
  return {
    key: `deployment/${key}`,
    kind: 'deployment.moved',
    publisher: 'meta',
    subject: `${cell}/${agent}/${role}`,
    action: { from, to, pointerVersion, rolloutId, actor, evidenceDigest },
    reason,
    expiresAt: null,
  };
}

const pointerOf = (row: PointerRow): Pointer => ({
  cell: row.cell,
  agent: row.agent,
  role: row.role,
  modelVersionId: row.model_version_id,
  version: row.version,
  since: row.since.toISOString(),
});

import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Agent, RolloutPlan, RolloutState, Verdict } from '#domain/contracts';
import type {
  ApprovalRow,
  NewRollout,
  RolloutRow,
  RolloutStore,
  RolloutSubject,
} from '../../../../activities/rollout-activities';
import type { RolloutView } from '../../../../workflows/messages';
import { PointerRepository } from '../registry/pointer.repository';

/** A rollout as the API lists it. */
export interface RolloutRecord {
  rolloutId: string;
  fleet: string;
  cell: string;
  agent: Agent;
  candidateId: string;
  rollbackTargetId: string | null;
  plan: RolloutPlan;
  requestedBy: string;
  state: RolloutState;
  stage: number;
  look: number;
  shareBps: number;
  verdict: Verdict | null;
  evidenceDigest: string | null;
  reason: string;
  waitingFor: string | null;
  view: RolloutView | null;
  createdAt: string;
  endedAt: string | null;
}

interface Row {
  rollout_id: string;
  fleet: string;
  cell: string;
  agent: Agent;
  candidate_id: string;
  rollback_target_id: string | null;
  plan: RolloutPlan;
  requested_by: string;
  state: RolloutState;
  stage: number;
  look: number;
  share_bps: number;
  verdict: Verdict | null;
  evidence_digest: string | null;
  reason: string;
  waiting_for: string | null;
  view: RolloutView | null;
  created_at: Date;
  ended_at: Date | null;
}

const FINAL = `('promoted', 'rolled-back', 'aborted', 'rejected', 'refused')`;
const UNIQUE_VIOLATION = '23505';

/** Rows of rollouts: what the workflow mirrors, what the edges serve by it, and its lock on (cell, agent). */
@Injectable()
export class RolloutRepository implements RolloutStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly pointers: PointerRepository,
  ) {}

  /** Writes the row of a request; the same id again changes nothing. */
  async open(rollout: NewRollout): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO rollout (rollout_id, fleet, cell, agent, candidate_id, plan, requested_by, state, reason)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'planned', 'just requested') ON CONFLICT (rollout_id) DO NOTHING`,
      [
        rollout.rolloutId,
        rollout.fleet,
        rollout.cell,
        rollout.agent,
        rollout.candidateId,
        JSON.stringify(rollout.plan),
        rollout.requestedBy,
      ],
    );
  }

  async find(rolloutId: string): Promise<RolloutRecord | null> {
    const rows = await this.dataSource.query<Row[]>('SELECT * FROM rollout WHERE rollout_id = $1', [rolloutId]);
    return rows.length === 0 ? null : recordOf(rows[0]);
  }

  /** Newest first. */
  async list(limit: number): Promise<RolloutRecord[]> {
    const rows = await this.dataSource.query<Row[]>(
      'SELECT * FROM rollout ORDER BY created_at DESC, rollout_id DESC LIMIT $1',
      [limit],
    );
    return rows.map(recordOf);
  }

  /** The rollout that holds (cell, agent), or null. */
  async active(cell: string, agent: Agent, manager: EntityManager = this.dataSource.manager): Promise<string | null> {
    const rows = await manager.query<{ rollout_id: string }[]>(
      'SELECT rollout_id FROM rollout WHERE cell = $1 AND agent = $2 AND claimed',
      [cell, agent],
    );
    return rows.at(0)?.rollout_id ?? null;
  }

  async claim(subject: RolloutSubject): ReturnType<RolloutStore['claim']> {
    try {
      return await this.dataSource.transaction(async (manager) => {
        const champion = await this.pointers.find(subject.cell, subject.agent, 'champion', manager);
        if (champion === null) return { claimed: false, holder: null, rollbackTargetId: null };
        // The target stays what the first claim saw, also when this runs again after a crash.
        const [rows] = await manager.query<[{ rollback_target_id: string }[], number]>(
          `UPDATE rollout SET claimed = true, rollback_target_id = coalesce(rollback_target_id, $2)
           WHERE rollout_id = $1 AND state NOT IN ${FINAL} RETURNING rollback_target_id`,
          [subject.rolloutId, champion.modelVersionId],
        );
        const target = rows.at(0)?.rollback_target_id ?? null;
        return { claimed: target !== null, holder: subject.rolloutId, rollbackTargetId: target };
      });
    } catch (error) {
      if (codeOf(error) !== UNIQUE_VIOLATION) throw error;
      return { claimed: false, holder: await this.active(subject.cell, subject.agent), rollbackTargetId: null };
    }
  }

  async save(row: RolloutRow): Promise<void> {
    await this.dataSource.query(
      `UPDATE rollout SET state = $3, stage = $4, look = $5, verdict = $6, evidence_digest = $7, reason = $8, waiting_for = $9,
         view = $10, seq = $2, updated_at = now(), ended_at = CASE WHEN $3 IN ${FINAL} THEN coalesce(ended_at, now()) END
       WHERE rollout_id = $1 AND seq < $2`,
      [
        row.rolloutId,
        row.seq,
        row.state,
        row.stage,
        row.look,
        row.verdict,
        row.evidenceDigest,
        row.reason,
        row.waitingFor,
        JSON.stringify(row.view),
      ],
    );
  }

  /** @throws CANARY_BUSY (retried by Temporal) while another rollout serves the cell's one canary. */
  async serve(input: { rolloutId: string; seq: number; stage: number; shareBps: number }): Promise<void> {
    try {
      await this.dataSource.query(
        `UPDATE rollout SET share_bps = $3, serving_stage = $4, shadow_bps = 0, serve_seq = $2, updated_at = now()
         WHERE rollout_id = $1 AND claimed AND serve_seq < $2`,
        [input.rolloutId, input.seq, input.shareBps, input.stage],
      );
    } catch (error) {
      if (codeOf(error) === UNIQUE_VIOLATION)
        throw new Error('CANARY_BUSY: another rollout of the cell serves a canary');
      throw error;
    }
  }

  /** A shadow is served only while the rollout is in that state: a late retry after the stage changes nothing. */
  async serveShadow(input: { rolloutId: string; sampleBps: number }): Promise<void> {
    await this.dataSource.query(
      `UPDATE rollout SET shadow_bps = $2, updated_at = now()
       WHERE rollout_id = $1 AND claimed AND ($2 = 0 OR state = 'shadow')`,
      [input.rolloutId, input.sampleBps],
    );
  }

  async promote(
    input: RolloutSubject & { key: string; expectedChampionId: string; actor: string; evidenceDigest: string },
  ): Promise<{ promoted: boolean; championId: string }> {
    return this.dataSource.transaction(async (manager) => {
      const common = {
        cell: input.cell,
        agent: input.agent,
        rolloutId: input.rolloutId,
        actor: input.actor,
        evidenceDigest: input.evidenceDigest,
      };
      const move = await this.pointers.move(
        {
          ...common,
          key: input.key,
          role: 'champion',
          to: input.candidateId,
          expected: input.expectedChampionId,
          reason: 'promoted',
        },
        manager,
      );
      if (!move.moved) return { promoted: false, championId: move.modelVersionId };
      await this.pointers.move(
        {
          ...common,
          key: `${input.key}/good`,
          role: 'last-known-good',
          to: input.expectedChampionId,
          expected: null,
          reason: 'champion before',
        },
        manager,
      );
      await manager.query('UPDATE rollout SET share_bps = 0, shadow_bps = 0 WHERE rollout_id = $1', [input.rolloutId]);
      return { promoted: true, championId: move.modelVersionId };
    });
  }

  async restore(
    input: RolloutSubject & { key: string; seq: number; targetId: string; actor: string; reason: string },
  ): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query(
        `UPDATE rollout SET share_bps = 0, shadow_bps = 0, serve_seq = greatest(serve_seq, $2), updated_at = now()
         WHERE rollout_id = $1`,
        [input.rolloutId, input.seq],
      );
      // Only a promotion of this very candidate is taken back; a champion set by somebody else meanwhile stays.
      await this.pointers.move(
        {
          key: input.key,
          cell: input.cell,
          agent: input.agent,
          role: 'champion',
          to: input.targetId,
          expected: input.candidateId,
          rolloutId: input.rolloutId,
          actor: input.actor,
          reason: input.reason,
          evidenceDigest: null,
        },
        manager,
      );
    });
  }

  async release(rolloutId: string): Promise<void> {
    await this.dataSource.query(
      'UPDATE rollout SET claimed = false, share_bps = 0, shadow_bps = 0, updated_at = now() WHERE rollout_id = $1 AND claimed',
      [rolloutId],
    );
  }

  async appendApproval(approval: ApprovalRow): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO approval (approval_id, rollout_id, stage, evidence_digest, approver, decision, reason, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      [
        approval.approvalId,
        approval.rolloutId,
        approval.stage,
        approval.evidenceDigest,
        approval.approver,
        approval.decision,
        approval.reason,
        new Date(approval.expiresAtMs),
      ],
    );
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { driverError?: { code?: string } } | null)?.driverError?.code;
}

const recordOf = (row: Row): RolloutRecord => ({
  rolloutId: row.rollout_id,
  fleet: row.fleet,
  cell: row.cell,
  agent: row.agent,
  candidateId: row.candidate_id,
  rollbackTargetId: row.rollback_target_id,
  plan: row.plan,
  requestedBy: row.requested_by,
  state: row.state,
  stage: row.stage,
  look: row.look,
  shareBps: row.share_bps,
  verdict: row.verdict,
  evidenceDigest: row.evidence_digest,
  reason: row.reason,
  waitingFor: row.waiting_for,
  view: row.view,
  createdAt: row.created_at.toISOString(),
  endedAt: row.ended_at?.toISOString() ?? null,
});

import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { type Agent, FINAL_ROLLOUT_STATES, type RolloutPlan, type RolloutState, type Verdict } from '#domain/contracts';
import type {
  ApprovalRow,
  NewRollout,
  PromoteInput,
  RolloutRow,
  RolloutStore,
  RolloutSubject,
  ServeResult,
} from '../../../../activities/rollout-activities';
import type { RolloutView } from '../../../../workflows/messages';
import { appendIntent } from '../ledger/append-intent';
import { PointerRepository } from '../registry/pointer.repository';
import { ReleaseHolds } from '../release-holds/release-holds.repository';

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

/** States in which a rollout changes nothing any more, as SQL. */
export const FINAL = `(${FINAL_ROLLOUT_STATES.map((state) => `'${state}'`).join(', ')})`;
const UNIQUE_VIOLATION = '23505';

/** Rows of rollouts: what the workflow mirrors, what the edges serve by it, and its lock on (cell, agent). */
@Injectable()
export class RolloutRepository implements RolloutStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly pointers: PointerRepository,
    private readonly holds: ReleaseHolds,
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

  /** Fleet of a rollout. @throws when there is no such rollout. */
  async fleetOf(rolloutId: string, manager: EntityManager = this.dataSource.manager): Promise<string> {
    const [row] = await manager.query<{ fleet: string }[]>('SELECT fleet FROM rollout WHERE rollout_id = $1', [
      rolloutId,
    ]);
    if (row === undefined) throw new Error(`there is no rollout ${rolloutId}`);
    return row.fleet;
  }

  /** Why the rollout's exposure may not rise now, or null. */
  async held(rolloutId: string): Promise<string | null> {
    return this.holds.reason(await this.fleetOf(rolloutId), Date.now());
  }

  /**
   * Sets the share unless it would rise while increases are held: the hold is read in the same transaction, so that after a
   * stop no increase commits. @throws CANARY_BUSY (retried by Temporal) while another rollout serves the cell's one canary.
   */
  async serve(input: { rolloutId: string; seq: number; stage: number; shareBps: number }): Promise<ServeResult> {
    try {
      return await this.dataSource.transaction(async (manager) => {
        const held = await this.holds.reason(await this.fleetOf(input.rolloutId, manager), Date.now(), manager);
        const [row] = await manager.query<{ share_bps: number; superseded_by: string | null; serve_seq: number }[]>(
          'SELECT share_bps, superseded_by, serve_seq FROM rollout WHERE rollout_id = $1 FOR UPDATE',
          [input.rolloutId],
        );
        if (row.superseded_by !== null) return { held: null, supersededBy: row.superseded_by };
        if (held !== null && row.serve_seq < input.seq && input.shareBps > row.share_bps)
          return { held, supersededBy: null };
        await manager.query(
          `UPDATE rollout SET share_bps = $3, serving_stage = $4, shadow_bps = 0, serve_seq = $2, updated_at = now()
           WHERE rollout_id = $1 AND claimed AND serve_seq < $2`,
          [input.rolloutId, input.seq, input.shareBps, input.stage],
        );
        return { held: null, supersededBy: null };
      });
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

  async promote(input: PromoteInput): ReturnType<RolloutStore['promote']> {
    return this.dataSource.transaction(async (manager) => {
      const refused = await this.promotionRefused(input, manager);
      if (refused !== null) return { promoted: false, championId: input.expectedChampionId, ...refused };
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

  /** A late attempt, fenced by a return to safety, changes nothing; one that is held may come again. */
  private async promotionRefused(input: PromoteInput, manager: EntityManager): Promise<{ held: string | null } | null> {
    const [used] = await manager.query<unknown[]>('SELECT 1 FROM deployment_event WHERE key = $1', [input.key]);
    if (used !== undefined) return null;
    const held = await this.holds.reason(await this.fleetOf(input.rolloutId, manager), Date.now(), manager);
    if (held !== null) return { held };
    if (input.seq === undefined) return null;
    const [rows] = await manager.query<[unknown[], number]>(
      `UPDATE rollout SET serve_seq = $2 WHERE rollout_id = $1 AND claimed AND serve_seq < $2 RETURNING rollout_id`,
      [input.rolloutId, input.seq],
    );
    return rows.length === 0 ? { held: null } : null;
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
      `UPDATE rollout SET claimed = false, waits = false, share_bps = 0, shadow_bps = 0, updated_at = now()
       WHERE rollout_id = $1 AND (claimed OR waits)`,
      [rolloutId],
    );
  }

  /** Stores an approval or a rejection once, and tells the ledger of it in the same transaction. */
  appendApproval(approval: ApprovalRow): Promise<void> {
    return this.dataSource.transaction(async (manager) => {
      const { approvalId, rolloutId, stage, evidenceDigest, approver, decision, reason } = approval;
      const expiresAt = new Date(approval.expiresAtMs);
      const stored = await manager.query<unknown[]>(
        `INSERT INTO approval (approval_id, rollout_id, stage, evidence_digest, approver, decision, reason, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING approval_id`,
        [approvalId, rolloutId, stage, evidenceDigest, approver, decision, reason, expiresAt],
      );
      if (stored.length === 0) return;
      await appendIntent(manager, {
        key: `approval/${approvalId}`,
        kind: decision === 'approve' ? 'rollout.approved' : 'rollout.rejected',
        publisher: 'operator',
        subject: rolloutId,
        action: { approvalId, stage, evidenceDigest, approver },
        reason,
        expiresAt: expiresAt.toISOString(),
      });
    });
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

import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { ClaimInput, ClaimResult } from '../../../../activities/claim-activities';
import { PointerRepository } from '../registry/pointer.repository';
import { FINAL } from './rollout.repository';

interface LockRow {
  rollout_id: string;
  claimed: boolean;
  waits: boolean;
  superseded_by: string | null;
  rollback_target_id: string | null;
  is_over: boolean;
  serve_seq: number;
  /** Newer than the row of the claim, by time and then by id. */
  is_newer: boolean;
}

/** What a claim found, and the rollout that the newer one takes the place of: it must hear of it. */
export interface LockResult extends ClaimResult {
  displaced: string | null;
}

/** The lock on (cell, agent): one rollout holds it, at most one, the latest, waits for it. */
@Injectable()
export class RolloutLock {
  constructor(
    private readonly dataSource: DataSource,
    private readonly pointers: PointerRepository,
  ) {}

  /**
   * Takes the lock by compare-and-set if it is free and pins the champion of that moment as the roll-back target. With
   * `queue`: a holder that has never served a share gives way to a newer candidate; otherwise this one waits, and an
   * older one that waited gives way. Repeating it changes nothing more.
   */
  async claim(input: ClaimInput): Promise<LockResult> {
    try {
      return await this.dataSource.transaction((manager) => this.claimUnderLock(input, manager));
    } catch (error) {
      // An experiment has the cell's canary slot: the database names it (migration 0012).
      const { constraint, detail } =
        (error as { driverError?: { constraint?: string; detail?: string } }).driverError ?? {};
      if (constraint !== 'canary_slot') throw error;
      return nobody(detail ?? null);
    }
  }

  private async claimUnderLock(input: ClaimInput, manager: EntityManager): Promise<LockResult> {
    const { rolloutId, cell, agent } = input;
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`rollout-lock/${cell}/${agent}`]);
    const [own] = await this.rows(manager, rolloutId, 'rollout_id = $1', []);
    if (own === undefined || own.is_over) return nobody(null);
    if (own.claimed) return { ...nobody(rolloutId), claimed: true, rollbackTargetId: own.rollback_target_id };
    if (own.superseded_by !== null) return { ...nobody(null), supersededBy: own.superseded_by };
    const others = await this.rows(
      manager,
      rolloutId,
      `cell = $2 AND agent = $3 AND rollout_id <> $1 AND (claimed OR waits)`,
      [cell, agent],
    );
    const newer = others.find((row) => row.waits && row.is_newer);
    if (newer !== undefined) {
      await this.giveWay(manager, rolloutId, newer.rollout_id);
      return { ...nobody(null), supersededBy: newer.rollout_id };
    }
    const holder = others.find((row) => row.claimed);
    if (holder === undefined) return this.take(input, manager);
    if (input.whenBusy !== 'queue') return nobody(holder.rollout_id);
    for (const older of others) if (older.waits) await this.giveWay(manager, older.rollout_id, rolloutId);
    await manager.query('UPDATE rollout SET waits = true, updated_at = now() WHERE rollout_id = $1 AND NOT waits', [
      rolloutId,
    ]);
    const displaced = await this.displace(manager, holder, rolloutId);
    return { ...nobody(holder.rollout_id), displaced };
  }

  /** A holder gives way to a newer candidate until the moment it serves a share: `serve` reads what is written here. */
  private async displace(manager: EntityManager, holder: LockRow, by: string): Promise<string | null> {
    if (holder.is_newer || holder.serve_seq > 0) return null;
    await this.giveWay(manager, holder.rollout_id, by);
    return holder.rollout_id;
  }

  private async giveWay(manager: EntityManager, rolloutId: string, to: string): Promise<void> {
    await manager.query(
      `UPDATE rollout SET waits = false, superseded_by = coalesce(superseded_by, $2), updated_at = now()
       WHERE rollout_id = $1`,
      [rolloutId, to],
    );
  }

  private async take({ rolloutId, cell, agent }: ClaimInput, manager: EntityManager): Promise<LockResult> {
    const champion = await this.pointers.find(cell, agent, 'champion', manager);
    if (champion === null) {
      const detail = `${cell} has no champion of ${agent}: there is nothing to roll back to; seed the registry first`;
      return { ...nobody(null), faults: [{ pointer: '/cell', code: 'NO_TARGET', detail }] };
    }
    // The target stays what the first claim saw, also when this runs again after a crash.
    const [rows] = await manager.query<[{ rollback_target_id: string }[], number]>(
      `UPDATE rollout SET claimed = true, waits = false, rollback_target_id = coalesce(rollback_target_id, $2), updated_at = now()
       WHERE rollout_id = $1 RETURNING rollback_target_id`,
      [rolloutId, champion.modelVersionId],
    );
    return { ...nobody(rolloutId), claimed: true, rollbackTargetId: rows[0].rollback_target_id };
  }

  /** Rows by a condition, locked; `$1` is the rollout that claims. */
  private rows(manager: EntityManager, rolloutId: string, condition: string, rest: unknown[]): Promise<LockRow[]> {
    return manager.query<LockRow[]>(
      `SELECT rollout_id, claimed, waits, superseded_by, rollback_target_id, state IN ${FINAL} AS is_over, serve_seq,
         (created_at, rollout_id) > (SELECT created_at, rollout_id FROM rollout WHERE rollout_id = $1) AS is_newer
       FROM rollout WHERE ${condition} ORDER BY created_at, rollout_id FOR UPDATE`,
      [rolloutId, ...rest],
    );
  }
}

const nobody = (holder: string | null): LockResult => ({
  claimed: false,
  holder,
  rollbackTargetId: null,
  displaced: null,
});

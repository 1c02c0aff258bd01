import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { CanaryLease } from '#domain/contracts/edge-protocol';
import { ProblemError } from '../problems/problem-error';

/** How long an edge may serve a canary without hearing of it again. */
export const CANARY_LEASE_MS = 120_000;

/** What a rollout's guard renews. */
export interface CanaryLeaseTerms {
  rolloutId: string;
  cell: string;
  stage: number;
  shareBps: number;
}

interface LeaseRow {
  rollout_id: string;
  stage: number;
  share_bps: number;
  expires_at: Date;
  ended_at: Date | null;
}

/**
 * Leases of canaries' shares, one live canary per cell. Edges get the live one, signed, in every heartbeat; when nobody
 * renews it, they fall back to the champion by themselves.
 */
@Injectable()
export class CanaryLeases {
  constructor(private readonly database: DataSource) {}

  /**
   * Starts or prolongs a lease to `nowMs + ttlMs`. Idempotent. An expired lease of another rollout in the cell gives way.
   * @throws ProblemError `conflict` when the rollout or experiment serves no share any more (an attempt that outlived its abort), when its lease was ended at this stage or a later one, or lives at a later one
   * (a late guard must neither bring a canary back nor pull the share back to its own stage), `already-exists` when another rollout's canary lives in the cell.
   */
  async renew(terms: CanaryLeaseTerms, nowMs = Date.now(), ttlMs = CANARY_LEASE_MS): Promise<CanaryLease> {
    const { rolloutId, cell, stage, shareBps } = terms;
    const renewed = await this.database.transaction(async (manager) => {
      // Locked, so that a return to safety stands either wholly before this renewal or wholly after it.
      const served = (await manager.query(
        `WITH held AS (SELECT share_bps FROM rollout WHERE rollout_id = $1 FOR UPDATE),
              tried AS (SELECT share_bps FROM experiment WHERE experiment_id = $1 FOR UPDATE)
         SELECT share_bps FROM held UNION ALL SELECT share_bps FROM tried`,
        [rolloutId],
      )) as { share_bps: number }[];
      if (served.some((row) => row.share_bps === 0)) return [];
      await manager.query(
        `UPDATE canary_lease SET ended_at = $3, end_reason = 'expired'
         WHERE cell = $1 AND rollout_id <> $2 AND ended_at IS NULL AND expires_at <= $3`,
        [cell, rolloutId, new Date(nowMs)],
      );
      return (await manager.query(
        `INSERT INTO canary_lease (rollout_id, cell, stage, share_bps, renewed_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (rollout_id) DO UPDATE SET stage = $3, share_bps = $4, renewed_at = $5,
           expires_at = $6, ended_at = NULL, end_reason = NULL
         WHERE canary_lease.stage < $3 OR (canary_lease.stage = $3 AND canary_lease.ended_at IS NULL)
         RETURNING rollout_id`,
        [rolloutId, cell, stage, shareBps, new Date(nowMs), new Date(nowMs + ttlMs)],
      )) as LeaseRow[];
    });
    if (renewed.length === 0)
      throw new ProblemError('conflict', `The canary of ${rolloutId} has ended or left stage ${stage}.`);
    return { rolloutId, stage, shareBps, expiresAtMs: nowMs + ttlMs };
  }

  /** Ends a canary's lease for good at its present stage. Idempotent; unknown rollouts are none of its business. */
  async end(rolloutId: string, reason: string, nowMs = Date.now()): Promise<void> {
    await this.database.query(
      `UPDATE canary_lease SET ended_at = $2, end_reason = $3 WHERE rollout_id = $1 AND ended_at IS NULL`,
      [rolloutId, new Date(nowMs), reason],
    );
  }

  /** The live lease of a cell, or null. */
  async current(cell: string, nowMs = Date.now()): Promise<CanaryLease | null> {
    const [row] = (await this.database.query(
      `SELECT * FROM canary_lease WHERE cell = $1 AND ended_at IS NULL AND expires_at > $2`,
      [cell, new Date(nowMs)],
    )) as LeaseRow[];
    if (!row) return null;
    return {
      rolloutId: row.rollout_id,
      stage: row.stage,
      shareBps: row.share_bps,
      expiresAtMs: row.expires_at.getTime(),
    };
  }
}

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent, RolloutState } from '#domain/contracts';
import type { PastLook } from '#domain/rollout';

/** An ended rollout, without its looks. */
export interface PastRollout {
  rolloutId: string;
  cell: string;
  agent: Agent;
  candidateId: string;
  state: RolloutState;
  endedAt: string;
}

/** A stored look with the digest it was sealed with and its whole evidence. */
export interface SealedLook extends PastLook {
  digest: string;
  evidence: Record<string, unknown>;
}

/** Looks read at a time: some hundred kilobytes each. */
const LOOKS_PER_READ = 50;

/** Rollouts that have ended, and their looks as they were stored. */
@Injectable()
export class PastRolloutsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Rollouts that ended at or after `since`, newest first, at most `limit`. */
  async ended(since: Date | null, limit: number): Promise<PastRollout[]> {
    const rows = await this.dataSource.query<(Omit<PastRollout, 'endedAt'> & { endedAt: Date })[]>(
      `SELECT rollout_id AS "rolloutId", cell, agent, candidate_id AS "candidateId", state, ended_at AS "endedAt" FROM rollout
       WHERE ended_at IS NOT NULL AND ($1::timestamptz IS NULL OR ended_at >= $1) ORDER BY ended_at DESC, rollout_id DESC LIMIT $2`,
      [since, limit],
    );
    return rows.map((row) => ({ ...row, endedAt: row.endedAt.toISOString() }));
  }

  /** Every look of a rollout, oldest first, read in parts. */
  async *looks(rolloutId: string): AsyncGenerator<SealedLook> {
    let after = { stage: -1, look: -1 };
    for (;;) {
      const rows = await this.dataSource.query<
        { stage: number; look: number; at: Date; verdict: PastLook['verdict']; digest: string; evidence: Evidence }[]
      >(
        `SELECT stage, look, at, verdict, digest, evidence FROM look
         WHERE rollout_id = $1 AND (stage, look) > ($2, $3) ORDER BY stage, look LIMIT $4`,
        [rolloutId, after.stage, after.look, LOOKS_PER_READ],
      );
      for (const { stage, look, at, verdict, digest, evidence } of rows) {
        const reason = typeof evidence.reason === 'string' ? evidence.reason : '';
        yield { stage, look, atMs: at.getTime(), verdict, reason, digest, evidence, inputs: evidence.inputs };
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < LOOKS_PER_READ) return;
      after = { stage: last.stage, look: last.look };
    }
  }
}

type Evidence = Record<string, unknown>;

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Evidence } from '#domain/contracts';

/** Looks: every statistic behind every verdict, appended and never changed. */
@Injectable()
export class LookRepository {
  constructor(private readonly dataSource: DataSource) {}

  async find(rolloutId: string, stage: number, look: number): Promise<Evidence | null> {
    const rows = await this.dataSource.query<{ evidence: Evidence }[]>(
      'SELECT evidence FROM look WHERE rollout_id = $1 AND stage = $2 AND look = $3',
      [rolloutId, stage, look],
    );
    return rows.at(0)?.evidence ?? null;
  }

  /**
   * Stores a look and shows it in the rollout's row, or neither: a repeated attempt answers a stored look and would not show it
   * again. When two attempts took the same one, the first stays and is answered.
   */
  async append(evidence: Evidence): Promise<Evidence> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query(
        `INSERT INTO look (rollout_id, stage, look, at, verdict, digest, evidence) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT DO NOTHING`,
        [
          evidence.rolloutId,
          evidence.stage,
          evidence.look,
          new Date(evidence.atMs),
          evidence.verdict,
          evidence.digest,
          JSON.stringify(evidence),
        ],
      );
      // What a reader of the rollout sees between two changes of state; the workflow's own rows are fenced apart (seq).
      await manager.query(
        `UPDATE rollout SET look = $3, verdict = $4, reason = $5, updated_at = now()
         WHERE rollout_id = $1 AND serving_stage = $2 AND share_bps > 0 AND stage = $2 AND look < $3`,
        [evidence.rolloutId, evidence.stage, evidence.look, evidence.verdict, evidence.reason],
      );
    });
    return (await this.find(evidence.rolloutId, evidence.stage, evidence.look)) ?? evidence;
  }

  /** Newest last, at most `limit`, without the sums they were computed from unless asked for. */
  async list(rolloutId: string, limit: number, withInputs = false): Promise<Evidence[]> {
    const evidence = withInputs ? 'evidence' : `evidence - 'inputs'`;
    const rows = await this.dataSource.query<{ evidence: Evidence }[]>(
      `SELECT * FROM (SELECT ${evidence} AS evidence, stage, look FROM look WHERE rollout_id = $1
         ORDER BY stage DESC, look DESC LIMIT $2) newest ORDER BY stage, look`,
      [rolloutId, limit],
    );
    return rows.map((row) => row.evidence);
  }

  /** The newest evidence of the rollout without its inputs, or null. */
  async latest(rolloutId: string): Promise<Evidence | null> {
    return (await this.list(rolloutId, 1)).at(0) ?? null;
  }
}

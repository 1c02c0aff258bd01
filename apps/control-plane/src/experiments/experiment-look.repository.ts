import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ExperimentEvidence } from '#domain/contracts';

/** Looks of experiments: every statistic behind every read-out, appended and never changed. */
@Injectable()
export class ExperimentLookRepository {
  constructor(private readonly dataSource: DataSource) {}

  async find(experimentId: string, look: number): Promise<ExperimentEvidence | null> {
    const rows = await this.dataSource.query<{ evidence: ExperimentEvidence }[]>(
      'SELECT evidence FROM experiment_look WHERE experiment_id = $1 AND look = $2',
      [experimentId, look],
    );
    return rows.at(0)?.evidence ?? null;
  }

  /** Stores a look; when two attempts took the same one, the first stays and is answered. */
  async append(evidence: ExperimentEvidence): Promise<ExperimentEvidence> {
    const { experimentId, look, period, verdict, reason } = evidence;
    await this.dataSource.query(
      `INSERT INTO experiment_look (experiment_id, look, period, at, plan_digest, verdict, digest, evidence)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      [
        experimentId,
        look,
        period,
        new Date(evidence.atMs),
        evidence.planDigest,
        verdict,
        evidence.digest,
        JSON.stringify(evidence),
      ],
    );
    // What a reader sees between two changes of state; the workflow's own rows are fenced apart (seq).
    await this.dataSource.query(
      `UPDATE experiment SET look = $2, verdict = $3, reason = $4, updated_at = now()
       WHERE experiment_id = $1 AND share_bps > 0 AND look < $2 AND state = 'running'`,
      [experimentId, look, verdict, reason],
    );
    return (await this.find(experimentId, look)) ?? evidence;
  }

  /** Newest last, at most `limit`, without the sums they were computed from unless asked for. */
  async list(experimentId: string, limit: number, withInputs = false): Promise<ExperimentEvidence[]> {
    const evidence = withInputs ? 'evidence' : `evidence - 'inputs'`;
    const rows = await this.dataSource.query<{ evidence: ExperimentEvidence }[]>(
      `SELECT evidence FROM (SELECT ${evidence} AS evidence, look FROM experiment_look WHERE experiment_id = $1
         ORDER BY look DESC LIMIT $2) newest ORDER BY look`,
      [experimentId, limit],
    );
    return rows.map((row) => row.evidence);
  }

  /** The newest evidence without its inputs, or null. */
  async latest(experimentId: string): Promise<ExperimentEvidence | null> {
    return (await this.list(experimentId, 1)).at(0) ?? null;
  }
}

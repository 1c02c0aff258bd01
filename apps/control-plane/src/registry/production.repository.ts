import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent, Verdict } from '#domain/contracts';

/** What was bidding for one agent of one cell at an instant, who allowed it, and on what evidence. */
export interface ProductionEntry {
  cell: string;
  agent: Agent;
  modelVersionId: string;
  family: string;
  since: string;
  /** When it ceased to be champion; null while it is. */
  until: string | null;
  /** Who moved the pointer. */
  actor: string;
  reason: string;
  rolloutId: string | null;
  requestedBy: string | null;
  evidenceDigest: string | null;
  /** The look that the deployment names, or null: shipped, rolled back, or moved by hand. */
  evidence: { stage: number; look: number; at: string; verdict: Verdict; reason: string } | null;
  /** Approvals of its rollout that were given before it became champion, oldest first. */
  approvals: { approver: string; stage: number; evidenceDigest: string; reason: string; recordedAt: string }[];
}

interface Row {
  cell: string;
  agent: Agent;
  model_version_id: string;
  family: string;
  since: Date;
  until: Date | null;
  actor: string;
  reason: string;
  rollout_id: string | null;
  requested_by: string | null;
  evidence_digest: string | null;
  evidence: ProductionEntry['evidence'];
  approvals: ProductionEntry['approvals'] | null;
}

/** Champions by time. */
@Injectable()
export class ProductionRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Champions of every cell, or of one, at `at`, by cell and agent. */
  async at(at: Date, cell: string | null): Promise<ProductionEntry[]> {
    const rows = await this.dataSource.query<Row[]>(QUERY, [at, cell]);
    return rows.map((row) => ({
      cell: row.cell,
      agent: row.agent,
      modelVersionId: row.model_version_id,
      family: row.family,
      since: row.since.toISOString(),
      until: row.until?.toISOString() ?? null,
      actor: row.actor,
      reason: row.reason,
      rolloutId: row.rollout_id,
      requestedBy: row.requested_by,
      evidenceDigest: row.evidence_digest,
      evidence: row.evidence && { ...row.evidence, at: new Date(row.evidence.at).toISOString() },
      approvals: (row.approvals ?? []).map((given) => ({
        ...given,
        recordedAt: new Date(given.recordedAt).toISOString(),
      })),
    }));
  }
}

const QUERY = `
  SELECT p.cell, p.agent, p.model_version_id, m.family, lower(p.during) AS since, upper(p.during) AS until, e.actor, e.reason,
    e.rollout_id, r.requested_by, e.evidence_digest,
    (SELECT json_build_object('stage', stage, 'look', look, 'at', at, 'verdict', verdict, 'reason', evidence->>'reason')
       FROM look WHERE rollout_id = e.rollout_id AND digest = e.evidence_digest ORDER BY stage DESC, look DESC LIMIT 1) AS evidence,
    (SELECT json_agg(json_build_object('approver', approver, 'stage', stage, 'evidenceDigest', evidence_digest, 'reason', reason,
         'recordedAt', recorded_at) ORDER BY recorded_at, approval_id)
       FROM approval WHERE rollout_id = e.rollout_id AND decision = 'approve' AND recorded_at <= e.at) AS approvals
  FROM champion_period p JOIN deployment_event e USING (event_id) JOIN model_version m ON m.model_version_id = p.model_version_id
    LEFT JOIN rollout r ON r.rollout_id = e.rollout_id
  WHERE p.during @> $1::timestamptz AND ($2::text IS NULL OR p.cell = $2) ORDER BY p.cell, p.agent`;

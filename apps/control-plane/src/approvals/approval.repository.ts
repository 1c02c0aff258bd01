import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

export interface StoredApproval {
  approvalId: string;
  stage: number;
  evidenceDigest: string;
  approver: string;
  decision: string;
  reason: string;
  expiresAt: string;
  recordedAt: string;
}

/** Approvals as recorded, oldest first; the workflow's activity writes them (RolloutRepository.appendApproval). */
@Injectable()
export class ApprovalRepository {
  constructor(private readonly dataSource: DataSource) {}

  async list(rolloutId: string): Promise<StoredApproval[]> {
    const rows = await this.dataSource.query<
      (Omit<StoredApproval, 'expiresAt' | 'recordedAt'> & { expiresAt: Date; recordedAt: Date })[]
    >(
      `SELECT approval_id AS "approvalId", stage, evidence_digest AS "evidenceDigest", approver, decision, reason,
         expires_at AS "expiresAt", recorded_at AS "recordedAt" FROM approval WHERE rollout_id = $1 ORDER BY recorded_at, approval_id`,
      [rolloutId],
    );
    return rows.map((row) => ({
      ...row,
      expiresAt: row.expiresAt.toISOString(),
      recordedAt: row.recordedAt.toISOString(),
    }));
  }
}

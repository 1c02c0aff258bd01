import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent } from '#domain/contracts';
import { rolloutWorkflowId } from '../../../../workflows/workflow-ids';
import { CanaryLeases } from '../edges/canary-leases.service';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { childLogger } from '../logger';
import { Pager } from '../pages/pager.service';
import { TemporalClient } from '../temporal/temporal-client';
import { FINAL } from './rollout.repository';

/**
 * Ends rollouts whose workflow is gone (terminated by hand, failed): the lease of their share has lapsed or will, and what
 * they hold in the database would otherwise be held for ever. Repeating it changes nothing.
 */
@Injectable()
export class OrphanReaper {
  private readonly log = childLogger('rollouts');

  constructor(
    private readonly dataSource: DataSource,
    private readonly temporal: TemporalClient,
    private readonly leases: CanaryLeases,
    private readonly publisher: SnapshotPublisher,
    private readonly pager: Pager,
  ) {}

  /** Ids of the rollouts that were ended. */
  async reapAll(): Promise<string[]> {
    const holders = await this.dataSource.query<{ rollout_id: string }[]>(
      'SELECT rollout_id FROM rollout WHERE claimed OR waits ORDER BY rollout_id',
    );
    const reaped: string[] = [];
    for (const { rollout_id } of holders) if (await this.reap(rollout_id)) reaped.push(rollout_id);
    return reaped;
  }

  /** Ends one rollout if its workflow runs no more; true when it did. */
  async reap(rolloutId: string): Promise<boolean> {
    if (await this.temporal.isRunning(rolloutWorkflowId(rolloutId))) return false;
    const reason = 'its workflow is gone (terminated or failed): ended by the control plane';
    const [rows] = await this.dataSource.query<[{ cell: string; agent: Agent }[], number]>(
      `UPDATE rollout SET state = CASE WHEN state IN ${FINAL} THEN state ELSE 'aborted' END, claimed = false, waits = false,
         share_bps = 0, shadow_bps = 0, reason = $2, waiting_for = NULL, ended_at = coalesce(ended_at, now()),
         serve_seq = 2147483647, seq = 2147483647, updated_at = now()
       WHERE rollout_id = $1 AND (claimed OR waits) RETURNING cell, agent`,
      [rolloutId, reason],
    );
    const row = rows.at(0);
    if (row === undefined) return false;
    this.log.warn({ rolloutId }, reason);
    await this.leases.end(rolloutId, reason);
    await this.publisher.publishChange(`${rolloutId}: ${reason}`);
    await this.pager.raise({
      key: `rollout/${rolloutId}/orphaned`,
      kind: 'rollout-orphaned',
      ...row,
      subject: rolloutId,
      reason,
    });
    return true;
  }
}

import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent } from '#domain/contracts';
import { rolloutWorkflowId } from '../../../../workflows/workflow-ids';
import { CanaryLeases } from '../edges/canary-leases.service';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { childLogger } from '../logger';
import { Pager } from '../pages/pager.service';
import { ProblemError } from '../problems/problem-error';
import { TemporalClient } from '../temporal/temporal-client';
import { FINAL } from './rollout.repository';

const EVERY_MS = 15_000;

/**
 * Ends rollouts whose workflow is gone (terminated by hand, failed): the lease of their share has lapsed or will, and what
 * they hold in the database would otherwise be held for ever. Repeating it changes nothing.
 */
@Injectable()
export class OrphanReaper implements OnApplicationShutdown {
  private readonly log = childLogger('rollouts');
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly dataSource: DataSource,
    private readonly temporal: TemporalClient,
    private readonly leases: CanaryLeases,
    private readonly publisher: SnapshotPublisher,
    private readonly pager: Pager,
  ) {}

  /** Looks for orphans now and then; started by the worker, because one process should. */
  start(everyMs = EVERY_MS): void {
    this.timer = setInterval(() => {
      // A failed round says so and is retried by the next: Temporal or Postgres may be away.
      this.round = this.reapAll().catch((error: unknown) => this.log.warn({ err: error }, 'no look at orphans'));
    }, everyMs);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.round;
  }

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
    if (await this.runs(rolloutId)) return false;
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

  private async runs(rolloutId: string): Promise<boolean> {
    try {
      const { status } = await this.temporal.call(() => this.temporal.handle(rolloutWorkflowId(rolloutId)).describe());
      return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW' || status.name === 'UNKNOWN';
    } catch (error) {
      // `conflict` is what `call` makes of a workflow that is not there.
      if (error instanceof ProblemError && error.code === 'conflict') return false;
      throw error;
    }
  }
}

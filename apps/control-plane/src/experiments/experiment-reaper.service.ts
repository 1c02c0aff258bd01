import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ExperimentResult, ExperimentState } from '#domain/contracts';
import { experimentWorkflowId } from '../../../../workflows/workflow-ids';
import { CanaryLeases } from '../edges/canary-leases.service';
import { SnapshotPublisher } from '../edges/snapshot-publisher.service';
import { IntentRepository } from '../ledger/intent.repository';
import { childLogger } from '../logger';
import { Pager } from '../pages/pager.service';
import { TemporalClient } from '../temporal/temporal-client';

interface OrphanRow {
  cell: string;
  plan_digest: string;
  state: ExperimentState;
  result: ExperimentResult | null;
  claimed: boolean;
}

const REASON = 'its workflow is gone (terminated or failed): ended by the control plane';

/**
 * Ends experiments whose workflow is gone: the lease of the treatment has lapsed or will, and the cell's canary slot would
 * otherwise be held for ever. The slot is given back last, so that a round that breaks off is repeated by the next; every step
 * may be repeated.
 */
@Injectable()
export class ExperimentReaper {
  private readonly log = childLogger('experiments');

  constructor(
    private readonly dataSource: DataSource,
    private readonly temporal: TemporalClient,
    private readonly leases: CanaryLeases,
    private readonly publisher: SnapshotPublisher,
    private readonly intents: IntentRepository,
    private readonly pager: Pager,
  ) {}

  /**
   * Ids of the experiments that were ended. One that was registered a moment ago may not have its workflow yet: it has a minute.
   */
  async reapAll(): Promise<string[]> {
    const open = await this.dataSource.query<{ experiment_id: string }[]>(
      `SELECT experiment_id FROM experiment
       WHERE claimed OR (state NOT IN ('ended', 'refused') AND registered_at < now() - interval '1 minute')
       ORDER BY experiment_id`,
    );
    const reaped: string[] = [];
    for (const { experiment_id } of open) if (await this.reap(experiment_id)) reaped.push(experiment_id);
    return reaped;
  }

  /** Ends one experiment if its workflow runs no more; true when it did. */
  async reap(experimentId: string): Promise<boolean> {
    if (await this.temporal.isRunning(experimentWorkflowId(experimentId))) return false;
    const row = await this.close(experimentId);
    if (row === undefined) return false;
    this.log.warn({ experimentId }, REASON);
    if (row.claimed) {
      await this.takeBack(experimentId, row);
      await this.dataSource.query(
        'UPDATE experiment SET claimed = false, updated_at = now() WHERE experiment_id = $1 AND claimed',
        [experimentId],
      );
    }
    return true;
  }

  /** Its final state, nothing served, and every late write of the workflow fenced off. A result that was found stays. */
  private async close(experimentId: string): Promise<OrphanRow | undefined> {
    const [rows] = await this.dataSource.query<[OrphanRow[], number]>(
      `UPDATE experiment SET state = CASE WHEN state = 'ended' OR claimed THEN 'ended' ELSE 'refused' END,
         result = CASE WHEN state = 'ended' OR claimed THEN coalesce(result, 'aborted') END,
         reason = CASE WHEN state = 'ended' THEN reason ELSE $2 END, waiting_for = NULL, share_bps = 0,
         ended_at = coalesce(ended_at, now()), serve_seq = 2147483647, seq = 2147483647, updated_at = now()
       WHERE experiment_id = $1 AND (claimed OR state NOT IN ('ended', 'refused'))
       RETURNING cell, plan_digest, state, result, claimed`,
      [experimentId, REASON],
    );
    return rows.at(0);
  }

  /** Edges, ledger and a human hear of it. */
  private async takeBack(experimentId: string, row: OrphanRow): Promise<void> {
    const { cell, plan_digest: planDigest, result } = row;
    await this.leases.end(experimentId, REASON);
    await this.publisher.publishChange(`${experimentId}: ${REASON}`);
    await this.intents.append({
      key: `experiment/${experimentId}/orphaned`,
      kind: 'experiment.ended',
      publisher: 'operator',
      subject: experimentId,
      action: { result, readout: null, planDigest, evidenceDigest: null },
      reason: REASON,
      expiresAt: null,
    });
    await this.pager.raise({
      key: `experiment/${experimentId}/orphaned`,
      kind: 'experiment-orphaned',
      cell,
      agent: null,
      subject: experimentId,
      reason: REASON,
    });
  }
}

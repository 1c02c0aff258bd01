import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Agent } from '#domain/contracts';
import type { Actor, RollBackToInput } from '../../../../workflows/messages';
import { CONTROL_QUEUE, rollBackWorkflowId } from '../../../../workflows/workflow-ids';
import type { SwitchInput } from '../../../../activities/meta-activities';
import { permanent } from '../../../../activities/permanent-failure';
import { ControlPlaneConfig } from '../config';
import { Pager } from '../pages/pager.service';
import { ProblemError } from '../problems/problem-error';
import { ModelRepository } from '../registry/model.repository';
import { PointerRepository } from '../registry/pointer.repository';
import { TemporalClient } from '../temporal/temporal-client';
import { RolloutRepository } from './rollout.repository';
import { TargetCheck } from './target-check.service';

/** Starts `rollBackTo` and does its switch of pointers. */
@Injectable()
export class RollbackService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly dataSource: DataSource,
    private readonly models: ModelRepository,
    private readonly pointers: PointerRepository,
    private readonly rollouts: RolloutRepository,
    private readonly temporal: TemporalClient,
    private readonly targets: TargetCheck,
    private readonly pager: Pager,
  ) {}

  /** @throws ProblemError `unknown-reference` when the target is no version of this agent. */
  async start(input: {
    agent: Agent;
    targetId: string | null;
    reason: string;
    by: Actor;
  }): Promise<{ workflowId: string }> {
    const { fleet, cell } = this.config;
    if (input.targetId !== null) {
      const model = await this.models.find(input.targetId);
      if (model?.manifest.agent !== input.agent) {
        const fault = { pointer: '/modelVersionId', code: 'UNKNOWN_MODEL', detail: `no version of ${input.agent}` };
        throw new ProblemError('unknown-reference', `${input.targetId} is ${fault.detail}.`, [fault]);
      }
    }
    const [{ n }] = await this.dataSource.query<[{ n: number }]>(`SELECT nextval('rollback_sequence')::integer AS n`);
    const workflowId = rollBackWorkflowId(fleet, n);
    const args: RollBackToInput = {
      fleet,
      cell,
      agent: input.agent,
      targetId: input.targetId,
      requestedBy: input.by,
      reason: input.reason,
      verdictAtMs: Date.now(),
    };
    await this.temporal.call((client) =>
      client.workflow.start('rollBackTo', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [args],
        staticSummary: `Roll back ${input.agent}: ${input.reason}`.slice(0, 190),
      }),
    );
    return { workflowId };
  }

  /**
   * Moves the champion to the target by compare-and-set on what it is now; the key makes a repeated switch the same one.
   * @throws NO_TARGET (permanent) when there is nothing to go back to, TARGET_BROKEN when nothing of it can serve.
   */
  async switchTo(input: SwitchInput) {
    const { cell, agent } = input;
    const chosenId = await this.choose(input);
    return this.dataSource.transaction(async (manager) => {
      const champion = await this.pointers.find(cell, agent, 'champion', manager);
      if (champion === null) throw permanent('NO_TARGET', `${cell}/${agent} has no champion`);
      // A repeated switch answers what the first one chose.
      const targetId = (await this.switchedBefore(input.key, manager)) ?? chosenId;
      const { key, actor, reason } = input;
      await this.pointers.move(
        {
          key,
          cell,
          agent,
          role: 'champion',
          to: targetId,
          expected: null,
          rolloutId: null,
          actor,
          reason,
          evidenceDigest: null,
        },
        manager,
      );
      const activeRolloutId = await this.rollouts.active(cell, agent, manager);
      if (activeRolloutId !== null) {
        await manager.query('UPDATE rollout SET share_bps = 0, shadow_bps = 0 WHERE rollout_id = $1', [
          activeRolloutId,
        ]);
      }
      return { targetId, previousId: champion.modelVersionId, activeRolloutId };
    });
  }

  /**
   * The version to go back to: the one that was asked for, or the last known good one, or, when that cannot serve, the newest
   * earlier champion that can. Edges are not asked: taking back must work while they are away.
   */
  private async choose({ key, cell, agent, targetId }: SwitchInput): Promise<string> {
    const wanted = targetId === null ? await this.earlierChampions(cell, agent) : [targetId];
    if (wanted.length === 0) throw permanent('NO_TARGET', `${cell}/${agent} has no earlier version`);
    const faults: string[] = [];
    for (const candidate of wanted) {
      const fault = await this.targets.artifactFault(candidate, true);
      if (fault === null) return candidate;
      faults.push(`${candidate}: ${fault}`);
    }
    const reason = `no version of ${cell}/${agent} to go back to can serve. ${faults.join('; ')}`;
    await this.pager.raise({ key: `${key}/target`, kind: 'roll-back-target', cell, agent, subject: key, reason });
    throw permanent('TARGET_BROKEN', reason);
  }

  /** The last known good version first, then former champions, newest first; never the present one. */
  private async earlierChampions(cell: string, agent: Agent): Promise<string[]> {
    const rows = await this.dataSource.query<{ id: string }[]>(
      `SELECT id FROM (
         SELECT model_version_id AS id, 0 AS rank, since AS at FROM pointer
           WHERE cell = $1 AND agent = $2 AND role = 'last-known-good'
         UNION ALL
         SELECT from_model_version_id, 1, max(at) FROM deployment_event
           WHERE cell = $1 AND agent = $2 AND role = 'champion' AND from_model_version_id IS NOT NULL GROUP BY 1
       ) known ORDER BY rank, at DESC LIMIT 50`,
      [cell, agent],
    );
    const good = rows.at(0);
    const champion = await this.pointers.find(cell, agent, 'champion');
    // The last known good one stands even when it is the champion: going back to it changes nothing.
    return [...new Set(rows.map((row) => row.id))].filter((id) => id === good?.id || id !== champion?.modelVersionId);
  }

  private async switchedBefore(key: string, manager: EntityManager): Promise<string | null> {
    const [row] = await manager.query<{ to_model_version_id: string }[]>(
      'SELECT to_model_version_id FROM deployment_event WHERE key = $1',
      [key],
    );
    return row?.to_model_version_id ?? null;
  }
}

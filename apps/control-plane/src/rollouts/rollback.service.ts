import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent } from '#domain/contracts';
import type { Actor, RollBackToInput } from '../../../../workflows/messages';
import { CONTROL_QUEUE, rollBackWorkflowId } from '../../../../workflows/workflow-ids';
import type { SwitchInput } from '../../../../activities/meta-activities';
import { permanent } from '../../../../activities/permanent-failure';
import { ControlPlaneConfig } from '../config';
import { ProblemError } from '../problems/problem-error';
import { ModelRepository } from '../registry/model.repository';
import { PointerRepository } from '../registry/pointer.repository';
import { TemporalClient } from '../temporal/temporal-client';
import { RolloutRepository } from './rollout.repository';

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
   * @throws NO_TARGET (permanent) when there is nothing to go back to.
   */
  async switchTo(input: SwitchInput) {
    const { cell, agent } = input;
    return this.dataSource.transaction(async (manager) => {
      const champion = await this.pointers.find(cell, agent, 'champion', manager);
      const good = await this.pointers.find(cell, agent, 'last-known-good', manager);
      const targetId = input.targetId ?? good?.modelVersionId;
      if (champion === null || targetId === undefined)
        throw permanent('NO_TARGET', `${cell}/${agent} has no earlier version`);
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
}

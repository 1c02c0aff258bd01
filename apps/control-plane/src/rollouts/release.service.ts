import { Injectable } from '@nestjs/common';
import { WorkflowIdConflictPolicy } from '@temporalio/client';
import { type Agent, rolloutPlanSchema } from '#domain/contracts';
import type { Actor, ApproveCommand, Command, RollOutPolicyInput, RolloutView } from '../../../../workflows/messages';
import { CONTROL_QUEUE, rolloutWorkflowId } from '../../../../workflows/workflow-ids';
import { prefixedId } from '../prefixed-id';
import { notFound, ProblemError } from '../problems/problem-error';
import { TemporalClient } from '../temporal/temporal-client';
import { RolloutLint } from './rollout-lint.service';
import { type RolloutRecord, RolloutRepository } from './rollout.repository';

export interface Release {
  fleet: string;
  cell: string;
  agent: Agent;
  candidateId: string;
  /** As sent: the linter lists every fault of it, also of one that does not fit its schema. */
  plan: unknown;
}

export type OperatorCommand = 'reject' | 'abort' | 'pause' | 'resume' | 'rollBack';

/** How long an approval stands, ms; by then the rollout has moved or the evidence is old. */
const APPROVAL_MS = 3_600_000;

/** Starts rollouts and carries operators' commands to them. */
@Injectable()
export class ReleaseService {
  constructor(
    private readonly temporal: TemporalClient,
    private readonly rollouts: RolloutRepository,
    private readonly lint: RolloutLint,
  ) {}

  /**
   * Lints, writes the row and starts the workflow, which lints again by itself.
   * @throws ProblemError `invalid-plan` listing every fault; `rollout-in-progress`.
   */
  async start(release: Release, by: Actor): Promise<{ rolloutId: string; workflowId: string }> {
    const rolloutId = prefixedId('rol');
    const subject = { rolloutId, cell: release.cell, agent: release.agent, candidateId: release.candidateId };
    const faults = await this.lint.faults(subject, release.plan);
    if (faults.length > 0) {
      throw new ProblemError('invalid-plan', `${faults.length} fault(s). First: ${faults[0].detail}`, faults);
    }
    const holder = await this.rollouts.active(release.cell, release.agent);
    if (holder !== null) {
      throw new ProblemError('rollout-in-progress', `Rollout ${holder} holds ${release.agent} in ${release.cell}.`);
    }
    const plan = rolloutPlanSchema.parse(release.plan);
    await this.rollouts.open({ ...subject, fleet: release.fleet, plan, requestedBy: by.name });
    const workflowId = rolloutWorkflowId(rolloutId);
    const input: RollOutPolicyInput = { ...subject, fleet: release.fleet, plan, requestedBy: by };
    await this.temporal.call((client) =>
      client.workflow.start('rollOutPolicy', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        staticSummary: `Roll out ${release.candidateId} (${release.agent}), asked by ${by.name}`,
        staticDetails: `Plan "${plan.name}": ${plan.stages.map((s) => `${s.kind} ${s.shareBps / 100} %`).join(', ')}`,
      }),
    );
    return { rolloutId, workflowId };
  }

  /** @throws ProblemError `not-found`. */
  async find(rolloutId: string): Promise<RolloutRecord> {
    const rollout = await this.rollouts.find(rolloutId);
    if (rollout === null) throw notFound('rollout', rolloutId);
    return rollout;
  }

  /**
   * Approves the evidence named, or the evidence that waits now. The update's id makes a repeated approval the same one.
   * @throws ProblemError `four-eyes`, `stale-evidence`, `forbidden`, `conflict`.
   */
  async approve(
    rolloutId: string,
    by: Actor,
    input: { evidenceDigest?: string; reason: string },
  ): Promise<RolloutView> {
    const rollout = await this.find(rolloutId);
    const evidenceDigest = input.evidenceDigest ?? rollout.view?.evidenceDigest ?? '';
    const command: ApproveCommand = {
      by,
      reason: input.reason,
      approvalId: prefixedId('apr'),
      evidenceDigest,
      expiresAtMs: Date.now() + APPROVAL_MS,
    };
    return this.temporal.call(() =>
      this.temporal.handle(rolloutWorkflowId(rolloutId)).executeUpdate<RolloutView, [ApproveCommand]>('approve', {
        args: [command],
      }),
    );
  }

  /** @throws ProblemError `forbidden`, `conflict` when the rollout is over. */
  async command(rolloutId: string, kind: OperatorCommand, by: Actor, reason: string): Promise<RolloutView> {
    await this.find(rolloutId);
    return this.temporal.call(() =>
      this.temporal
        .handle(rolloutWorkflowId(rolloutId))
        .executeUpdate<RolloutView, [Command]>(kind, { args: [{ by, reason }] }),
    );
  }
}

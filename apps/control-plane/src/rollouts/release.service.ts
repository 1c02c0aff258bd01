import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import { type Agent, canonicalJson, rolloutPlanSchema } from '#domain/contracts';
import type { ExpectedSeconds } from '#domain/rollout';
import type { Acknowledgement } from '../../../../activities/rollout-activities';
import type { Actor, ApproveCommand, Command, RollOutPolicyInput, RolloutView } from '../../../../workflows/messages';
import { CONTROL_QUEUE, rolloutWorkflowId } from '../../../../workflows/workflow-ids';
import { EdgeFleet } from '../edges/edge-fleet.service';
import { prefixedId } from '../prefixed-id';
import { notFound, ProblemError } from '../problems/problem-error';
import { TemporalClient } from '../temporal/temporal-client';
import { OrphanReaper } from './orphan-reaper.service';
import { RolloutLint } from './rollout-lint.service';
import { type RolloutRecord, RolloutRepository } from './rollout.repository';

export interface Release {
  fleet: string;
  cell: string;
  agent: Agent;
  candidateId: string;
  /** While another rollout holds cell and agent: `refuse`, or `queue` and wait for it. */
  whenBusy: 'refuse' | 'queue';
  /** As sent: the linter lists every fault of it, also of one that does not fit its schema. */
  plan: unknown;
}

/** A rollout that was begun. */
export interface Started {
  rolloutId: string;
  workflowId: string;
  /** Null where the plan waives feasibility, and where an earlier request began the rollout. */
  expectedSeconds: ExpectedSeconds | null;
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
    private readonly orphans: OrphanReaper,
    private readonly fleet: EdgeFleet,
  ) {}

  /**
   * Lints, writes the row and starts the workflow, which lints again by itself. The same idempotency key of the same person again
   * answers the rollout that it began, also when an answer was lost half-way.
   * @throws ProblemError `invalid-plan` listing every fault; `rollout-in-progress`; `idempotency-key-reused`.
   */
  async start(release: Release, by: Actor, idempotencyKey: string | null = null): Promise<Started> {
    const rolloutId = idempotencyKey === null ? prefixedId('rol') : repeatableRolloutId(by.name, idempotencyKey);
    const { fleet, cell, agent, candidateId, whenBusy } = release;
    const subject = { rolloutId, cell, agent, candidateId };
    const known = await this.rollouts.find(rolloutId);
    if (known === null) {
      const { faults, expectedSeconds } = await this.lint.findings(subject, release.plan);
      if (faults.length > 0) {
        throw new ProblemError('invalid-plan', `${faults.length} fault(s). First: ${faults[0].detail}`, faults);
      }
      if (whenBusy === 'refuse') await this.refuseWhileBusy(release);
      const plan = rolloutPlanSchema.parse(release.plan);
      await this.rollouts.open({ ...subject, fleet, plan, requestedBy: by.name });
      return this.launch({ ...subject, fleet, plan, requestedBy: by, whenBusy }, expectedSeconds);
    }
    const same = known.cell === cell && known.agent === agent && known.candidateId === candidateId;
    const plan = rolloutPlanSchema.safeParse(release.plan).data;
    if (!same || plan === undefined || canonicalJson(plan) !== canonicalJson(known.plan)) {
      throw new ProblemError('idempotency-key-reused', `The key began ${rolloutId}, which is another release.`);
    }
    // Beyond its first state the workflow has run: an id that is given again must not start it anew.
    if (known.state !== 'planned')
      return { rolloutId, workflowId: rolloutWorkflowId(rolloutId), expectedSeconds: null };
    return this.launch({ ...subject, fleet, plan, requestedBy: by, whenBusy }, null);
  }

  private async launch(input: RollOutPolicyInput, expectedSeconds: Started['expectedSeconds']): Promise<Started> {
    const { rolloutId, candidateId, agent, plan, requestedBy } = input;
    const workflowId = rolloutWorkflowId(rolloutId);
    await this.temporal.call((client) =>
      client.workflow.start('rollOutPolicy', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
        staticSummary: `Roll out ${candidateId} (${agent}), asked by ${requestedBy.name}`,
        staticDetails: `Plan "${plan.name}": ${plan.stages.map((s) => `${s.kind} ${s.shareBps / 100} %`).join(', ')}`,
      }),
    );
    return { rolloutId, workflowId, expectedSeconds };
  }

  /** @throws ProblemError `rollout-in-progress`; a holder whose workflow is gone does not count. */
  private async refuseWhileBusy({ cell, agent }: Release): Promise<void> {
    const holder = await this.rollouts.active(cell, agent);
    if (holder === null || (await this.orphans.reap(holder))) return;
    const detail = `Rollout ${holder} holds ${agent} in ${cell}. Wait for it, abort it, or ask with whenBusy "queue".`;
    throw new ProblemError('rollout-in-progress', detail, [{ pointer: '/agent', code: 'CELL_BUSY', detail }]);
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
    return this.sendEnvelope(rolloutId, 'approve', by, { ...input, evidenceDigest });
  }

  /**
   * Skips the remaining stages on the evidence named, or on what the rollout has seen last.
   * @throws ProblemError as `approve`; `conflict` with FULL_PROMOTION_REFUSED when plan, verdict, pause or freeze forbid it.
   */
  async promoteFully(
    rolloutId: string,
    by: Actor,
    input: { evidenceDigest?: string; reason: string },
  ): Promise<RolloutView> {
    await this.find(rolloutId);
    const handle = this.temporal.handle(rolloutWorkflowId(rolloutId));
    const seen = await this.temporal.call(() => handle.query<RolloutView>('state'));
    const evidenceDigest = input.evidenceDigest ?? seen.evidenceDigest ?? '';
    return this.sendEnvelope(rolloutId, 'promoteFully', by, { ...input, evidenceDigest });
  }

  private sendEnvelope(
    rolloutId: string,
    update: 'approve' | 'promoteFully',
    by: Actor,
    { evidenceDigest, reason }: { evidenceDigest: string; reason: string },
  ): Promise<RolloutView> {
    const expiresAtMs = Date.now() + APPROVAL_MS;
    const command: ApproveCommand = { by, reason, approvalId: prefixedId('apr'), evidenceDigest, expiresAtMs };
    return this.temporal.call(() =>
      this.temporal.handle(rolloutWorkflowId(rolloutId)).executeUpdate<RolloutView, [ApproveCommand]>(update, {
        args: [command],
      }),
    );
  }

  /** The newest version that the rollout published against every edge of the fleet; null before the first. */
  async edges(rolloutId: string): Promise<(Required<Acknowledgement> & { version: number; what: string }) | null> {
    const { view } = await this.find(rolloutId);
    const delivery = view?.delivery ?? null;
    if (delivery === null) return null;
    const { version, what } = delivery;
    return { version, what, ...(await this.fleet.acknowledged(version)) };
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

/** The id that one person's key always gives: a repeated request finds what the first one began. */
function repeatableRolloutId(who: string, key: string): string {
  const digest = createHash('sha256')
    .update(canonicalJson([who, key]))
    .digest('hex');
  return `rol_${digest.slice(0, 32)}`;
}

import { Injectable } from '@nestjs/common';
import { WorkflowIdConflictPolicy } from '@temporalio/client';
import { experimentPlanSchema, experimentSubjectSchema, type ExperimentPower } from '#domain/contracts';
import { nameOfArm } from '#domain/experiment';
import type { ExperimentView, RunExperimentInput } from '../../../../workflows/experiment/messages';
import type { Actor, Command } from '../../../../workflows/messages';
import { CONTROL_QUEUE, experimentWorkflowId } from '../../../../workflows/workflow-ids';
import { prefixedId } from '../prefixed-id';
import { notFound, ProblemError } from '../problems/problem-error';
import { TemporalClient } from '../temporal/temporal-client';
import { ExperimentLint } from './experiment-lint.service';
import { type ExperimentRecord, ExperimentRepository } from './experiment.repository';
import { registrationDigest } from './registration-digest';

export interface NewExperiment {
  fleet: string;
  cell: string;
  /** As sent: the linter lists every fault of both, also of what does not fit its schema. */
  subject: unknown;
  plan: unknown;
}

export interface StartedExperiment {
  experimentId: string;
  workflowId: string;
  planDigest: string;
  power: ExperimentPower | null;
}

export type ExperimentCommand = 'abort' | 'pause' | 'resume';

/** Registers experiments, starts them and carries operators' commands to them. */
@Injectable()
export class ExperimentService {
  constructor(
    private readonly temporal: TemporalClient,
    private readonly experiments: ExperimentRepository,
    private readonly lint: ExperimentLint,
  ) {}

  /**
   * Lints, registers and starts the workflow, which lints again by itself.
   * @throws ProblemError `invalid-experiment` listing every fault; `canary-slot-busy` naming the holder.
   */
  async start(request: NewExperiment, by: Actor): Promise<StartedExperiment> {
    const { fleet, cell } = request;
    const { faults, power } = await this.lint.findings(request);
    if (faults.length > 0)
      throw new ProblemError('invalid-experiment', `${faults.length} fault(s). First: ${faults[0].detail}`, faults);
    const holder = await this.experiments.slotHolder(cell);
    if (holder !== null)
      throw new ProblemError(
        'canary-slot-busy',
        `${holder} holds the canary slot of ${cell}: wait for it or abort it.`,
      );
    const experimentId = prefixedId('exp');
    const subject = experimentSubjectSchema.parse(request.subject);
    const plan = experimentPlanSchema.parse(request.plan);
    const planDigest = registrationDigest({ fleet, cell, subject, plan });
    const input: RunExperimentInput = { experimentId, fleet, cell, subject, plan, planDigest, requestedBy: by };
    await this.experiments.open({ ...input, requestedBy: by.name });
    const workflowId = experimentWorkflowId(experimentId);
    const days = Number((plan.horizonSeconds / 86_400).toFixed(2));
    await this.temporal.call((client) =>
      client.workflow.start('runExperiment', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        staticSummary: `Experiment "${plan.name}", asked by ${by.name}`.slice(0, 190),
        staticDetails:
          `${nameOfArm(subject.treatment)} on ${plan.treatmentShareBps / 100} % of users against ` +
          `${nameOfArm(subject.control)}; ${plan.primary} after ${days} days, alpha ${plan.alpha}; plan ${planDigest}`,
      }),
    );
    return { experimentId, workflowId, planDigest, power };
  }

  /** @throws ProblemError `not-found`. */
  async find(experimentId: string): Promise<ExperimentRecord> {
    const experiment = await this.experiments.find(experimentId);
    if (experiment === null) throw notFound('experiment', experimentId);
    return experiment;
  }

  /** @throws ProblemError `forbidden`, `conflict` when the experiment is over or the command does not fit its state. */
  async command(experimentId: string, kind: ExperimentCommand, by: Actor, reason: string): Promise<ExperimentView> {
    await this.find(experimentId);
    return this.temporal.call(() =>
      this.temporal
        .handle(experimentWorkflowId(experimentId))
        .executeUpdate<ExperimentView, [Command]>(kind, { args: [{ by, reason }] }),
    );
  }
}

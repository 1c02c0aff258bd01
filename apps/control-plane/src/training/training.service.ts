import { Injectable } from '@nestjs/common';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import {
  newTrainingView,
  type Actor,
  type RetrainAgentsInput,
  type TrainingView,
} from '../../../../workflows/messages';
import { CONTROL_QUEUE, retrainWorkflowId } from '../../../../workflows/workflow-ids';
import { ProblemError } from '../problems/problem-error';
import { TemporalClient } from '../temporal/temporal-client';
import { TrainingRunRepository } from './training-run.repository';

export type TrainingRequest = Omit<RetrainAgentsInput, 'seed'> & { seed?: number; joinsRunning?: boolean };

/** Starts and questions `retrainAgents`. */
@Injectable()
export class TrainingService {
  constructor(
    private readonly temporal: TemporalClient,
    private readonly runs: TrainingRunRepository,
  ) {}

  /**
   * Starts a run, or joins the one that already has this id; a failed one may run again.
   * @throws ProblemError `temporal-unavailable`; `already-exists` when a run of this id has succeeded.
   */
  async start(request: TrainingRequest): Promise<{ workflowId: string }> {
    const { joinsRunning, ...rest } = request;
    const { imported, cutoffMs, agents } = rest;
    const subjectAgent = agents === undefined ? request.agent : 'several';
    if (joinsRunning) {
      const running = await this.stillTraining(request.fleet, subjectAgent, request.kind);
      if (running !== null) return { workflowId: running };
    }
    const subject = imported === undefined ? cutoffMs : `${imported.sha256.slice(0, 16)}-${cutoffMs}`;
    const workflowId = retrainWorkflowId(request.fleet, subjectAgent, request.kind, subject);
    const input: RetrainAgentsInput = { ...rest, seed: request.seed ?? request.cutoffMs % 2 ** 31 };
    await this.temporal.call((client) =>
      client.workflow.start('retrainAgents', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        staticSummary: `Train ${(agents ?? [request.agent]).join(' and ')} (${request.kind}) for ${request.fleet}, asked by ${request.requestedBy.name}`,
      }),
    );
    const { fleet, agent, kind, requestedBy } = request;
    const view = newTrainingView({ runKey: workflowId, agent, agents, kind, requestedBy: requestedBy.name });
    const { runKey, step, code, candidateId, rolloutId } = view;
    await this.runs.announce({
      ...{ runKey, seq: 0, fleet, agent: subjectAgent, kind, step, code, candidateId, rolloutId, view },
      requestedBy: requestedBy.name,
    });
    return { workflowId };
  }

  /** The run of this fleet, agent and kind that has not ended, if its workflow says so too: a row alone may be left by a crash. */
  private async stillTraining(fleet: string, agent: string, kind: string): Promise<string | null> {
    for (const workflowId of await this.runs.unended(fleet, agent, kind)) {
      const description = await this.temporal
        .call(() => this.temporal.handle(workflowId).describe())
        .catch((error: unknown) => {
          // Its workflow is gone from Temporal: nothing trains under this id.
          if (error instanceof ProblemError && error.code === 'conflict') return null;
          throw error;
        });
      if (description?.status.name === 'RUNNING') return workflowId;
    }
    return null;
  }

  /** The run's own view, while its workflow can be asked. */
  progress(workflowId: string): Promise<TrainingView> {
    return this.temporal.call(() => this.temporal.handle(workflowId).query<TrainingView>('progress'));
  }

  async cancel(workflowId: string, by: Actor, reason: string): Promise<TrainingView> {
    return this.temporal.call(() =>
      this.temporal.handle(workflowId).executeUpdate<TrainingView, [{ by: Actor; reason: string }]>('cancel', {
        args: [{ by, reason }],
      }),
    );
  }
}

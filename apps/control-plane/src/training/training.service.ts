import { Injectable } from '@nestjs/common';
import { WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import {
  newTrainingView,
  type Actor,
  type RetrainAgentsInput,
  type TrainingView,
} from '../../../../workflows/messages';
import { CONTROL_QUEUE, retrainWorkflowId } from '../../../../workflows/workflow-ids';
import { TemporalClient } from '../temporal/temporal-client';
import { TrainingRunRepository } from './training-run.repository';

export type TrainingRequest = Omit<RetrainAgentsInput, 'seed'> & { seed?: number };

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
    const { imported, cutoffMs } = request;
    const subject = imported === undefined ? cutoffMs : `${imported.sha256.slice(0, 16)}-${cutoffMs}`;
    const workflowId = retrainWorkflowId(request.fleet, request.agent, request.kind, subject);
    const input: RetrainAgentsInput = { ...request, seed: request.seed ?? request.cutoffMs % 2 ** 31 };
    await this.temporal.call((client) =>
      client.workflow.start('retrainAgents', {
        workflowId,
        taskQueue: CONTROL_QUEUE,
        args: [input],
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        staticSummary: `Train ${request.agent} (${request.kind}) for ${request.fleet}, asked by ${request.requestedBy.name}`,
      }),
    );
    const { fleet, agent, kind, requestedBy } = request;
    const view = newTrainingView({ runKey: workflowId, agent, kind, requestedBy: requestedBy.name });
    const { runKey, step, code, candidateId, rolloutId } = view;
    await this.runs.announce({
      ...{ runKey, seq: 0, fleet, agent, kind, step, code, candidateId, rolloutId, view },
      requestedBy: requestedBy.name,
    });
    return { workflowId };
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

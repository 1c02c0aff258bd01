import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { TrainingPorts } from '../../../../activities/training-ports';
import { childLogger } from '../logger';
import { TemporalClient } from '../temporal/temporal-client';

type Report = Parameters<TrainingPorts['reportProgress']>[0];

/** Tells a run's progress to its workflow (Query `progress`, details) and to its row (API). */
@Injectable()
export class ProgressReporter {
  private readonly log = childLogger('training');

  constructor(
    private readonly database: DataSource,
    private readonly temporal: TemporalClient,
  ) {}

  /** Best effort: a training must not fail because nobody could be told; the next report says more. */
  async report({ workflowId, runId, progress }: Report): Promise<void> {
    const told = await Promise.allSettled([
      this.database.query(
        `UPDATE training_run SET progress = jsonb_set(coalesce(progress, '{}'), ARRAY[$2::text], $3::jsonb)
         WHERE run_key = $1`,
        [workflowId, progress.agent, JSON.stringify(progress)],
      ),
      this.temporal.client.workflow.getHandle(workflowId, runId).signal('trainingProgressed', progress),
    ]);
    for (const outcome of told) {
      if (outcome.status === 'rejected')
        this.log.warn({ workflowId, error: String(outcome.reason) }, 'progress untold');
    }
  }
}

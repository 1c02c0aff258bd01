import { Injectable } from '@nestjs/common';
import { RolloutRepository } from '../rollouts/rollout.repository';
import { TrainingRunRepository } from '../training/training-run.repository';
import type { Status } from './status.schema';

const NEWEST = 20;

/** What training and rollouts add to the status. */
@Injectable()
export class DeliveryStatus {
  constructor(
    private readonly runs: TrainingRunRepository,
    private readonly rollouts: RolloutRepository,
  ) {}

  /** The newest training run, or null before the first. */
  async training(): Promise<Status['training']> {
    const [run] = await this.runs.list(1);
    if (!run) return null;
    const { workflowId, agent, step: state, code, updatedAt } = run;
    return { workflowId, agent, state, code, updatedAt };
  }

  /** The rollout that is running, else the newest one, else null. */
  async rollout(): Promise<Status['rollout']> {
    const newest = await this.rollouts.list(NEWEST);
    const shown = newest.find((rollout) => rollout.endedAt === null) ?? newest[0];
    if (!shown) return null;
    const { rolloutId, agent, candidateId, state, stage, shareBps, verdict, waitingFor, reason, endedAt } = shown;
    return {
      rolloutId,
      agent,
      candidateId,
      state,
      stage,
      shareBps,
      verdict,
      waitingFor,
      reason,
      ended: endedAt !== null,
    };
  }
}

import { Injectable } from '@nestjs/common';
import type { ClaimInput, ClaimResult } from '../../../../activities/claim-activities';
import { rolloutWorkflowId } from '../../../../workflows/workflow-ids';
import { ProblemError } from '../problems/problem-error';
import { TemporalClient } from '../temporal/temporal-client';
import { OrphanReaper } from './orphan-reaper.service';
import { RolloutLock } from './rollout-lock.repository';
import { RolloutRepository } from './rollout.repository';
import { TargetCheck } from './target-check.service';

/** The lock with what belongs to it: orphans lose it, the displaced hear of it, the target is checked before it counts. */
@Injectable()
export class ClaimService {
  constructor(
    private readonly lock: RolloutLock,
    private readonly rollouts: RolloutRepository,
    private readonly targets: TargetCheck,
    private readonly orphans: OrphanReaper,
    private readonly temporal: TemporalClient,
  ) {}

  /** A claim whose target cannot serve is given back, with every fault of it. */
  async claim(input: ClaimInput): Promise<ClaimResult> {
    let { displaced, ...claim } = await this.lock.claim(input);
    const heldByRollout = claim.holder !== null && !claim.claimed && (await this.rollouts.find(claim.holder)) !== null;
    if (heldByRollout && claim.holder !== null && (await this.orphans.reap(claim.holder)))
      ({ displaced, ...claim } = await this.lock.claim(input));
    if (displaced !== null) await this.tell(displaced, input.rolloutId);
    if (!claim.claimed || claim.rollbackTargetId === null) return claim;
    const faults = await this.targets.faults(input.agent, claim.rollbackTargetId);
    if (faults.length === 0) return claim;
    await this.rollouts.release(input.rolloutId);
    return { claimed: false, holder: null, rollbackTargetId: null, faults };
  }

  /** Tells a rollout that a newer one took its place; one that is over has given it up already. */
  private async tell(rolloutId: string, by: string): Promise<void> {
    try {
      await this.temporal.call(() => this.temporal.handle(rolloutWorkflowId(rolloutId)).signal('supersede', { by }));
    } catch (error) {
      if (!(error instanceof ProblemError) || error.code !== 'conflict') throw error;
    }
  }
}

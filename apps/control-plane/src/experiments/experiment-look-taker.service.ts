import { Injectable } from '@nestjs/common';
import type { ExperimentEvidence } from '#domain/contracts';
import { isChampion, judgeExperimentLook, rolloutPlanOf, type ExperimentLook } from '#domain/experiment';
import type { ExperimentLookResult, TakeExperimentLookInput } from '../../../../activities/experiment-activities';
import { permanent } from '../../../../activities/permanent-failure';
import { digestOfEvidence } from '../rollouts/evidence-digest';
import { LookTakerService } from '../rollouts/look-taker.service';
import { ExperimentLookRepository } from './experiment-look.repository';
import { ExperimentRepository } from './experiment.repository';

/** Reads the sums as a rollout's look does, asks domain/experiment for the verdict, seals and stores the look. */
@Injectable()
export class ExperimentLookTaker {
  constructor(
    private readonly sums: LookTakerService,
    private readonly looks: ExperimentLookRepository,
    private readonly experiments: ExperimentRepository,
  ) {}

  /** Repeating a look that is stored answers the stored one: the same look is never judged on other data. */
  async take(input: TakeExperimentLookInput, atMs: number): Promise<ExperimentLookResult> {
    const stored = await this.looks.find(input.experimentId, input.look);
    return resultOf(stored ?? (await this.judge(input, atMs)));
  }

  private async judge(input: TakeExperimentLookInput, atMs: number): Promise<ExperimentEvidence> {
    const look = await this.lookOf(input, atMs);
    const unsealed = judgeExperimentLook(look);
    return this.looks.append({ ...unsealed, digest: digestOfEvidence(unsealed) });
  }

  /** The plan is the registered one, never one that came with the request. */
  private async lookOf(input: TakeExperimentLookInput, atMs: number): Promise<ExperimentLook> {
    const { experimentId, cell, period, openedAtMs } = input;
    const record = await this.experiments.find(experimentId);
    if (record?.planDigest !== input.planDigest)
      throw permanent('REGISTRATION_DIFFERS', `${experimentId} is registered with another plan`);
    const { plan, subject, planDigest } = record;
    const look = await this.sums.lookOf(
      {
        key: input.key,
        rolloutId: experimentId,
        cell,
        // The sums are kept by rollout and stage: neither agent nor candidate is read for them.
        agent: 'bid',
        candidateId: '',
        stage: period,
        look: input.look,
        plan: rolloutPlanOf(plan, period + 1),
        openedAtMs,
      },
      atMs,
      false,
    );
    const previous = input.look > 1 ? await this.looks.find(experimentId, input.look - 1) : null;
    const samePeriod = previous?.period === period ? previous : null;
    return {
      plan,
      planDigest,
      controlIsChampion: isChampion(subject.control),
      servedSeconds: input.servedSeconds,
      previousControlStreak: samePeriod?.catastrophe.controlStreak ?? 0,
      look: {
        ...look,
        previousSrmP: samePeriod?.srmP ?? 1,
        previousStreak: samePeriod?.catastrophe.streak ?? 0,
      },
    };
  }
}

function resultOf(evidence: ExperimentEvidence): ExperimentLookResult {
  const { look, atMs, verdict, reason, readout, digest } = evidence;
  return { look, atMs, verdict, reason, readout, digest };
}

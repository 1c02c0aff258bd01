import { Injectable } from '@nestjs/common';
import { CATASTROPHE_MIN_DECISIONS, readingSentence, trailingSums, worstBreach } from '#domain/rollout';
import { isChampion } from '#domain/experiment';
import type { GuardInput, GuardReading } from '../../../../activities/guard-activities';
import { ControlPlaneConfig } from '../config';
import { KpiRepository } from '../lake/kpi.repository';
import { GuardReader } from '../rollouts/guard-reader.service';
import { ExperimentRepository } from './experiment.repository';

/** The rollout's guardrails over both arms: a control that is not the champion is watched as the treatment is. */
@Injectable()
export class ExperimentGuardReader {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly guard: GuardReader,
    private readonly experiments: ExperimentRepository,
    private readonly kpis: KpiRepository,
  ) {}

  async read(input: GuardInput, nowMs: number): Promise<GuardReading> {
    const experiment = await this.experiments.find(input.rolloutId);
    if (experiment === null) return { status: 'fired', reason: `there is no experiment ${input.rolloutId}` };
    if (!(await this.experiments.championsHold(input.rolloutId))) {
      const reason = 'the champion that both arms build on has changed: they are no longer served';
      return { status: 'fired', reason };
    }
    const reading = await this.guard.read(input, nowMs);
    if (reading.status !== 'holding' || isChampion(experiment.subject.control)) return reading;
    const harm = await this.harmOfControl(input, nowMs);
    return harm === null ? reading : { status: 'fired', reason: harm };
  }

  /** The same limits with the arms changed round; null while they hold or while there is too little to judge. */
  private async harmOfControl(input: GuardInput, nowMs: number): Promise<string | null> {
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    const rows = await this.kpis.sums({
      cell: input.cell,
      rolloutId: input.rolloutId,
      sinceMs: nowMs - Math.max(600_000, 4 * bucketMs),
      untilMs: nowMs + bucketMs,
    });
    const recent = trailingSums(rows, input.stage, CATASTROPHE_MIN_DECISIONS);
    if (Math.min(recent.canary.requests, recent.control.requests) < CATASTROPHE_MIN_DECISIONS) return null;
    const breach = worstBreach({ recent: { canary: recent.control, control: recent.canary } });
    return breach === null ? null : `arms changed round: ${readingSentence(breach)}`;
  }
}

import { Injectable } from '@nestjs/common';
import type { Evidence } from '#domain/contracts';
import {
  CATASTROPHE_MIN_DECISIONS,
  foldStages,
  judgeLook,
  servedShare,
  trailingStartMs,
  trailingSums,
  type Look,
  type SegmentSumsOfStages,
} from '#domain/rollout';
import type { LookResult, LookTaker, TakeLookInput } from '../../../../activities/rollout-activities';
import { ControlPlaneConfig } from '../config';
import { KpiRepository } from '../lake/kpi.repository';
import { VerdictSums } from '../lake/verdict-sums.repository';
import { digestOfEvidence } from './evidence-digest';
import { LookRepository } from './look.repository';
import { PlannedSpendReader } from './planned-spend.service';
import { PrePeriod } from './pre-period.service';

/** Time an event takes from an edge to the sums: buckets younger than this may still be incomplete, ms. */
const SHIPPING_MS = 2_000;

type StoredEvidence = Evidence & { catastrophe: { streak?: number } };

/** Reads the sums, asks domain/rollout for the verdict, seals and stores the look. */
@Injectable()
export class LookTakerService implements LookTaker {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly kpis: KpiRepository,
    private readonly looks: LookRepository,
    private readonly verdictSums: VerdictSums,
    private readonly plannedSpend: PlannedSpendReader,
    private readonly prePeriod: PrePeriod,
  ) {}

  /** Repeating a look that is stored answers the stored one: the same look is never judged on other data. */
  async take(input: TakeLookInput, atMs: number): Promise<LookResult> {
    const stored = await this.looks.find(input.rolloutId, input.stage, input.look);
    return resultOf(stored ?? (await this.judge(input, atMs)));
  }

  private async judge(input: TakeLookInput, atMs: number): Promise<Evidence> {
    const look = await this.lookOf(input, atMs);
    const unsealed = judgeLook(look);
    return this.looks.append({ ...unsealed, digest: digestOfEvidence(unsealed) });
  }

  /**
   * Everything a verdict reads, from the sums of now; experiments read their looks in the same way, but without a past: the
   * one before a resumed period holds their own effect.
   */
  async lookOf(input: TakeLookInput, atMs: number, withPrePeriod = true): Promise<Look> {
    const { rolloutId, cell, stage, plan } = input;
    // The ingest's buckets are the ones that exist; a plan with another length would read holes.
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    const matureUntilMs = atMs - plan.labelMaturitySeconds * 1000 - SHIPPING_MS;
    const rows = await this.kpis.sums({ cell, rolloutId, untilMs: atMs + bucketMs });
    const inStage = rows.filter((row) => row.stage === stage);
    const users = await this.kpis.stageUsers(rolloutId, stage);
    const previous =
      input.look > 1 ? ((await this.looks.find(rolloutId, stage, input.look - 1)) as StoredEvidence | null) : null;
    const newestBucketMs = inStage.reduce((newest, row) => Math.max(newest, row.bucketMs), -1);
    const prePeriod = withPrePeriod ? await this.prePeriod.of(input) : [];
    return {
      rolloutId,
      stage,
      look: input.look,
      atMs,
      stageStartedMs: input.openedAtMs,
      matureUntilMs,
      plan,
      stages: foldStages(rows, matureUntilMs, bucketMs),
      recent: trailingSums(rows, stage, CATASTROPHE_MIN_DECISIONS),
      ...(await this.laneOf(input, trailingStartMs(rows, stage, CATASTROPHE_MIN_DECISIONS), atMs)),
      ...(prePeriod.length > 0 ? { prePeriod } : {}),
      ...(plan.segmentGuardrails?.length ? { segments: await this.segmentsOf(input, matureUntilMs, bucketMs) } : {}),
      exposures: { canary: users.canary, control: users.champion },
      previousSrmP: previous?.srmP ?? 1,
      previousStreak: previous?.catastrophe.streak ?? 0,
      newestDecisionMs: newestBucketMs < 0 ? null : Math.min(newestBucketMs + bucketMs, atMs),
    };
  }

  /** What the catastrophe lane reads beside sums, over the same window; latencies of the whole stage too. */
  private async laneOf(
    { rolloutId, cell, stage, plan }: TakeLookInput,
    startMs: number | null,
    atMs: number,
  ): Promise<Pick<Look, 'recentLatency' | 'stageLatency' | 'plannedSpendNanos'>> {
    if (startMs === null) return {};
    const recentLatency = await this.verdictSums.latencies(cell, rolloutId, stage, startMs);
    const stageLatency = await this.verdictSums.latencies(cell, rolloutId, stage, 0);
    const planned = await this.plannedSpend.of(cell, servedShare(plan.stages[stage]!), startMs, atMs);
    return { recentLatency, stageLatency, ...(planned ? { plannedSpendNanos: planned } : {}) };
  }

  private async segmentsOf(
    { rolloutId, cell }: TakeLookInput,
    matureUntilMs: number,
    bucketMs: number,
  ): Promise<SegmentSumsOfStages[]> {
    const found = await this.verdictSums.segments(cell, rolloutId, matureUntilMs);
    return found.map(({ by, value, rows }) => ({ by, value, stages: foldStages(rows, matureUntilMs, bucketMs) }));
  }
}

function resultOf(evidence: Evidence): LookResult {
  const primary = evidence.metrics.find((metric) => metric.role === 'primary');
  return {
    look: evidence.look,
    atMs: evidence.atMs,
    verdict: evidence.verdict,
    catastrophe: evidence.catastrophe.fired,
    reason: evidence.reason,
    digest: evidence.digest,
    decisions: evidence.decisions,
    primaryEvents: evidence.primaryEvents,
    primary:
      primary === undefined ? null : { effect: primary.relativeEffect, lower: primary.lower, upper: primary.upper },
  };
}

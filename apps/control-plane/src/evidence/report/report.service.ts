import { Injectable } from '@nestjs/common';
import type { Evidence, MetricEvidence } from '#domain/contracts';
import { foundEffect, METRIC_CATALOGUE, servedShare } from '#domain/rollout';
import { ModelRepository } from '../../registry/model.repository';
import { digestOfEvidence } from '../../rollouts/evidence-digest';
import { ReleaseService } from '../../rollouts/release.service';
import type { RolloutRecord } from '../../rollouts/rollout.repository';
import { ForecastScores } from '../forecast-scores.service';
import { PastRolloutsRepository, type SealedLook } from '../past-rollouts.repository';
import { REPORT_SCHEMA, type ReportLook, type ReportMetric, type RolloutReport } from './report-schema';
import { ReportRepository } from './report.repository';

/** Snapshots that end a rollout are published this long before or after its row says so. */
const SLACK_MS = 60_000;

/** Gathers everything that is kept of one rollout into one document; of a running one, what there is so far. */
@Injectable()
export class ReportService {
  constructor(
    private readonly releases: ReleaseService,
    private readonly past: PastRolloutsRepository,
    private readonly models: ModelRepository,
    private readonly happened: ReportRepository,
    private readonly scores: ForecastScores,
  ) {}

  /** @throws ProblemError `not-found`. */
  async build(rolloutId: string, now: Date): Promise<RolloutReport> {
    const rollout = await this.releases.find(rolloutId);
    await this.scores.scoreEnded();
    const looks: ReportLook[] = [];
    const stages: RolloutReport['stages'] = [];
    for await (const look of this.past.looks(rolloutId)) {
      looks.push(lookOf(look));
      addToStage(stages, look, rollout);
    }
    const from = new Date(Date.parse(rollout.createdAt) - SLACK_MS);
    const to = new Date(rollout.endedAt === null ? now.getTime() : Date.parse(rollout.endedAt) + SLACK_MS);
    const { fleet, cell, agent, candidateId, rollbackTargetId, requestedBy, state, reason, createdAt, endedAt, plan } =
      rollout;
    return {
      schema: REPORT_SCHEMA,
      generatedAt: now.toISOString(),
      rollout: {
        ...{ rolloutId, fleet, cell, agent, candidateId, rollbackTargetId, requestedBy, state, reason },
        ...{ createdAt, endedAt, plan },
      },
      candidate: await this.candidate(candidateId),
      stages,
      looks,
      shares: await this.happened.shares(rolloutId, cell, from, to),
      events: await this.events(rollout),
      safe: safeOf(rollout),
      forecasts: await this.scores.ofRollout(rolloutId),
    };
  }

  private async candidate(candidateId: string): Promise<RolloutReport['candidate']> {
    const model = await this.models.find(candidateId);
    if (model === null) return null;
    const { family, parentId, createdAt, window, gates } = model.manifest;
    return { family, parentId, createdBy: model.createdBy, createdAt, windowId: window?.windowId ?? null, gates };
  }

  private async events({ rolloutId, requestedBy, candidateId, createdAt, endedAt, state, reason }: RolloutRecord) {
    const events = await this.happened.events(rolloutId);
    const requested = {
      atMs: Date.parse(createdAt),
      kind: 'requested' as const,
      who: requestedBy,
      what: candidateId,
      reason: '',
    };
    const ended =
      endedAt === null
        ? []
        : [{ atMs: Date.parse(endedAt), kind: 'ended' as const, who: 'rollout', what: state, reason }];
    return [requested, ...events, ...ended].sort((a, b) => a.atMs - b.atMs);
  }
}

function lookOf({ stage, look, atMs, verdict, reason, digest, evidence }: SealedLook): ReportLook {
  const { srmP, decisions, primaryEvents, catastrophe, metrics } = evidence as unknown as Evidence;
  return {
    ...{ stage, look, atMs, verdict, reason, digest, srmP, decisions, primaryEvents },
    isSealed: digestOfEvidence(evidence) === digest,
    catastrophe: { fired: catastrophe.fired, reason: catastrophe.reason },
    metrics: metrics.map(metricOf),
  };
}

function metricOf(evidence: MetricEvidence): ReportMetric {
  const { metric, role, margin, canary, control, d, verdict } = evidence;
  const { scale, unit, better, kind } = METRIC_CATALOGUE[metric];
  const isTested = kind === 'ratio';
  const limit = isTested || verdict === 'no-data' ? null : canary + d;
  return { metric, role, margin, canary, control, scale, unit, better, effect: foundEffect(evidence), limit, verdict };
}

function addToStage(
  stages: RolloutReport['stages'],
  { stage, atMs, inputs }: SealedLook,
  { plan }: RolloutRecord,
): void {
  const last = stages.at(-1);
  if (last?.stage === stage) {
    last.lastLookAtMs = atMs;
    last.looks += 1;
    return;
  }
  const { stageStartedMs } = (inputs ?? {}) as { stageStartedMs?: unknown };
  const planned = plan.stages.at(stage);
  stages.push({
    stage,
    shareBps: planned === undefined ? 0 : Math.round(servedShare(planned) * 10_000),
    openedAtMs: typeof stageStartedMs === 'number' ? stageStartedMs : atMs,
    lastLookAtMs: atMs,
    looks: 1,
  });
}

function safeOf({ view }: RolloutRecord): RolloutReport['safe'] {
  const safe = view?.safe;
  if (!safe) return null;
  const { timeToSafeMs, verdictAtMs, safeAtMs, targetId, acknowledged, stragglers } = safe;
  return { timeToSafeMs, verdictAtMs, safeAtMs, targetId, acknowledged, stragglers };
}

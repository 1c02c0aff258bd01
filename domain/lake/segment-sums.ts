import { isEligible } from '../coordination/request-context';
import { AGENTS, type Agent, type Arm } from '../contracts/agent';
import type { DecisionRecord } from '../contracts/decision-record';
import { KPI_SUMS, zeroKpiSums, type KpiRollup, type KpiSum, type KpiSums } from '../contracts/kpi-rollup';
import type { Outcome } from '../contracts/outcome';
import type { Segment } from '../contracts/rollout';
import { latencyBin } from '../evaluation/latency-histogram';
import {
  AGENT_COUNTS,
  CAMPAIGN_SUMS,
  TRAFFIC_TICK_MS,
  type AgentMinute,
  type CampaignRollup,
  type CreativeStat,
  type KpiDelta,
  type LatencyCount,
  type SegmentRollup,
  type StageUser,
  type TrafficTick,
} from './kpi-tables';

const MINUTE_MS = 60_000;

export interface SumsOptions {
  cell: string;
  /** Length of a KPI time bucket, ms. */
  bucketMs: number;
  /** Whether the snapshot that decided lets this agent's model decide: then a baseline or safe value is a fallback. */
  expectsModel: (record: DecisionRecord, agent: Agent) => boolean;
  /** Segments that a rollout's plan registered; none when absent. */
  segmentsOf?: (rolloutId: string) => readonly Segment[];
}

/**
 * Adds events up to sums. Events must be unique (the ingest's primary keys see to that) and arrive in any order; an outcome
 * counts in the time bucket of its decision, from the fields of its own token, whether or not the decision is known.
 * Test traffic counts nowhere.
 */
export class SegmentSums {
  private readonly kpi = new Map<string, KpiRollup>();
  private readonly campaigns = new Map<string, CampaignRollup>();
  private readonly ticks = new Map<string, TrafficTick>();
  private readonly agents = new Map<string, AgentMinute>();
  private readonly creatives = new Map<string, CreativeStat>();
  private readonly stageUsers = new Map<string, StageUser>();
  private readonly latencies = new Map<string, LatencyCount>();
  private readonly segments = new Map<string, SegmentRollup>();

  constructor(private readonly options: SumsOptions) {}

  addDecision(record: DecisionRecord): void {
    const { inputs, outputs } = record;
    if (inputs.request.isTest) return;
    const place: Place = {
      rolloutId: inputs.rolloutId,
      stage: inputs.stage,
      arm: inputs.arm,
      userBucket: inputs.request.userBucket ?? -1,
      atMs: inputs.nowMs,
    };
    const isBid = outputs.noBidReason === null;
    const isFirst = inputs.impIndex === 0;
    const isCounted = isFirst && isEligible(inputs.request);
    const sums = {
      requests: isFirst ? 1 : 0,
      eligible: isCounted ? 1 : 0,
      bids: isBid ? 1 : 0,
      fallbacks: fellBack(record, 'bid', this.options) ? 1 : 0,
      errors: outputs.noBidReason === 'internal-error' ? 1 : 0,
      late: outputs.noBidReason === 'too-late' ? 1 : 0,
    };
    const campaignId = isBid ? outputs.campaignId : null;
    this.add(place, campaignId, sums);
    this.addToSegments(place, { ...inputs.request, campaignId }, sums, { ...sums, requests: sums.bids });
    this.addAgentModes(record);
    if (isFirst) this.addLatency(record);
    if (isCounted) this.addStageUser(record);
  }

  addOutcome(outcome: Outcome): void {
    if (outcome.isTest) return;
    const { kind } = outcome;
    const place = { ...outcome, atMs: outcome.decidedAtMs };
    const sums = {
      wins: kind === 'win' ? 1 : 0,
      impressions: kind === 'bill' ? 1 : 0,
      clicks: kind === 'click' ? 1 : 0,
      conversions: kind === 'conversion' ? 1 : 0,
      valueNanos: kind === 'click' || kind === 'conversion' ? outcome.valueNanos : 0,
      spendNanos: kind === 'bill' ? outcome.priceNanos : 0,
      repeats: kind === 'bill' && outcome.isRepeat ? 1 : 0,
    };
    this.add(place, outcome.campaignId, sums);
    this.addToSegments(place, outcome, sums, sums);
    if (kind === 'bill' || kind === 'click') {
      const { creativeId } = outcome;
      const stat = entry(this.creatives, creativeId, () => ({ creativeId, impressions: 0, clicks: 0 }));
      if (kind === 'bill') stat.impressions += 1;
      else stat.clicks += 1;
    }
  }

  /** All rows in key order, so that concurrent writers lock rows in one order and equal sums print equally. */
  delta(): KpiDelta {
    return {
      kpi: inOrder(this.kpi),
      campaigns: inOrder(this.campaigns),
      ticks: inOrder(this.ticks),
      agents: inOrder(this.agents),
      creatives: inOrder(this.creatives),
      stageUsers: inOrder(this.stageUsers),
      latencies: inOrder(this.latencies),
      segments: inOrder(this.segments),
    };
  }

  private add(place: Place, campaignId: string | null, sums: Partial<KpiSums>): void {
    const { cell, bucketMs: length } = this.options;
    const { rolloutId, stage, arm, userBucket, atMs } = place;
    const bucketMs = floorTo(atMs, length);
    const key = { cell, rolloutId, stage, arm, bucketMs, userBucket };
    addSums(
      entry(this.kpi, joined(key), () => ({ ...key, ...zeroKpiSums() })),
      sums,
    );
    const tick = { cell, tickMs: floorTo(atMs, TRAFFIC_TICK_MS) };
    addSums(
      entry(this.ticks, joined(tick), () => ({ ...tick, ...zeroKpiSums() })),
      sums,
    );
    if (campaignId === null) return;
    const campaignKey = { cell, campaignId, arm, bucketMs };
    const campaign = entry(this.campaigns, joined(campaignKey), () => ({ ...campaignKey, ...zeroCampaignSums() }));
    for (const name of CAMPAIGN_SUMS) campaign[name] += sums[name] ?? 0;
  }

  /** A segment by campaign gets `ofCampaign`: requests that belong to no campaign count in none. */
  private addToSegments(
    { rolloutId, stage, arm, userBucket, atMs }: Place,
    of: SegmentValues,
    sums: Partial<KpiSums>,
    ofCampaign: Partial<KpiSums>,
  ): void {
    if (rolloutId === '') return;
    const { cell, bucketMs: length, segmentsOf } = this.options;
    for (const { by, value } of segmentsOf?.(rolloutId) ?? []) {
      if (valueOf(by, of) !== value) continue;
      const key = { cell, rolloutId, stage, arm, bucketMs: floorTo(atMs, length), segmentBy: by, segmentValue: value };
      const full = { ...key, userBucket };
      addSums(
        entry(this.segments, joined(full), () => ({ ...full, ...zeroKpiSums() })),
        by === 'campaign' ? ofCampaign : sums,
      );
    }
  }

  /** Time of the stations that a policy can slow down. */
  private addLatency({ inputs, latencyUs }: DecisionRecord): void {
    const { rolloutId, stage, arm, nowMs } = inputs;
    if (rolloutId === '') return;
    const { cell, bucketMs } = this.options;
    const bin = latencyBin(latencyUs.infer + latencyUs.decide);
    const key = { cell, rolloutId, stage, arm, bucketMs: floorTo(nowMs, bucketMs), bin };
    entry(this.latencies, joined(key), () => ({ ...key, decisions: 0 })).decisions += 1;
  }

  private addAgentModes(record: DecisionRecord): void {
    const { inputs, outputs } = record;
    if (!outputs.agents) return;
    const { cell } = this.options;
    for (const agent of AGENTS) {
      const key = { cell, minuteMs: floorTo(inputs.nowMs, MINUTE_MS), arm: inputs.arm, agent };
      const counts = entry(this.agents, joined(key), () => ({ ...key, ...zeroAgentCounts() }));
      counts.decisions += 1;
      counts[outputs.agents[agent].mode] += 1;
      if (fellBack(record, agent, this.options)) counts.fallbacks += 1;
    }
  }

  private addStageUser({ inputs }: DecisionRecord): void {
    const { rolloutId, stage, arm, nowMs: firstMs } = inputs;
    const { userKey } = inputs.request;
    if (rolloutId === '' || userKey === null) return;
    const seen = { rolloutId, stage, userKey, arm, firstMs };
    const first = entry(this.stageUsers, joined({ rolloutId, stage, userKey }), () => seen);
    if (isEarlier(seen, first)) Object.assign(first, seen);
  }
}

/** What tells segments apart; outcomes written before a field existed lack it and count in no segment by it. */
interface SegmentValues {
  exchange: string;
  campaignId: string | null;
  country?: string | undefined;
  deviceType?: number | undefined;
}

function valueOf(by: Segment['by'], of: SegmentValues): string | null {
  switch (by) {
    case 'deviceType':
      return of.deviceType === undefined ? null : String(of.deviceType);
    case 'country':
      return of.country ?? null;
    case 'exchange':
      return of.exchange;
    case 'campaign':
      return of.campaignId;
  }
}

interface Place {
  rolloutId: string;
  stage: number;
  arm: Arm;
  userBucket: number;
  atMs: number;
}

/** Which of two first exposures counts: the earlier; at the same millisecond the champion's, so that order is no matter. */
export function isEarlier(a: StageUser, b: StageUser): boolean {
  return a.firstMs < b.firstMs || (a.firstMs === b.firstMs && a.arm === 'champion' && b.arm === 'canary');
}

function fellBack(record: DecisionRecord, agent: Agent, options: SumsOptions): boolean {
  const mode = record.outputs.agents?.[agent].mode;
  return mode === 'safe' || (mode === 'baseline' && options.expectsModel(record, agent));
}

function addSums(row: KpiSums, sums: Partial<Record<KpiSum, number>>): void {
  for (const name of KPI_SUMS) row[name] += sums[name] ?? 0;
}

const zeroCampaignSums = () =>
  Object.fromEntries(CAMPAIGN_SUMS.map((name) => [name, 0])) as Record<(typeof CAMPAIGN_SUMS)[number], number>;
const zeroAgentCounts = () =>
  Object.fromEntries(AGENT_COUNTS.map((name) => [name, 0])) as Record<(typeof AGENT_COUNTS)[number], number>;

const floorTo = (atMs: number, lengthMs: number) => Math.floor(atMs / lengthMs) * lengthMs;

const joined = (key: Record<string, string | number>) => Object.values(key).join('\u001f');

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    map.set(key, found);
  }
  return found;
}

function inOrder<T>(map: Map<string, T>): T[] {
  return [...map.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
}

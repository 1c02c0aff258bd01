import type { Agent, Arm, DecisionMode } from '../contracts/agent';
import type { KpiRollup, KpiSums } from '../contracts/kpi-rollup';
import type { SegmentKind } from '../contracts/rollout';

/** Sums per campaign, without user buckets: what ad ops and budgets read. Key: cell, campaign, arm, time bucket. */
export const CAMPAIGN_SUMS = [
  'bids',
  'wins',
  'impressions',
  'clicks',
  'conversions',
  'valueNanos',
  'spendNanos',
  'repeats',
] as const satisfies readonly (keyof KpiSums)[];
export type CampaignSum = (typeof CAMPAIGN_SUMS)[number];
export type CampaignRollup = { cell: string; campaignId: string; arm: Arm; bucketMs: number } & Record<
  CampaignSum,
  number
>;

/** Fleet traffic in short ticks of decision time, for live rates. */
export type TrafficTick = { cell: string; tickMs: number } & KpiSums;
export const TRAFFIC_TICK_MS = 5_000;

/** How one agent's values came about in one minute of decision time. */
export type AgentMinute = { cell: string; minuteMs: number; arm: Arm; agent: Agent } & Record<AgentCount, number>;
export const AGENT_COUNTS = ['decisions', 'model', 'baseline', 'overruled', 'safe', 'fallbacks'] as const;
export type AgentCount = (typeof AGENT_COUNTS)[number] & (DecisionMode | 'decisions' | 'fallbacks');

/** Clicks and impressions of one creative since it was made. */
export interface CreativeStat {
  creativeId: string;
  impressions: number;
  clicks: number;
}

/** A user's first eligible request in a rollout's stage: the unit of the sample-ratio check (statistics.md 6). */
export interface StageUser {
  rolloutId: string;
  stage: number;
  userKey: string;
  arm: Arm;
  firstMs: number;
}

/** Decisions of a rollout's arm in one latency bin (domain/evaluation/latency-histogram). */
export interface LatencyCount {
  cell: string;
  rolloutId: string;
  stage: number;
  arm: Arm;
  bucketMs: number;
  bin: number;
  decisions: number;
}

/** As KpiRollup, for one pre-registered segment of a rollout. A campaign's requests are those in which it bid. */
export type SegmentRollup = KpiRollup & { segmentBy: SegmentKind; segmentValue: string };

/** Every sum that a set of events adds to the KPI tables. */
export interface KpiDelta {
  kpi: KpiRollup[];
  campaigns: CampaignRollup[];
  ticks: TrafficTick[];
  agents: AgentMinute[];
  creatives: CreativeStat[];
  stageUsers: StageUser[];
  latencies: LatencyCount[];
  segments: SegmentRollup[];
}

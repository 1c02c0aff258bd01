import type { EntityManager } from 'typeorm';
import { KPI_SUMS, type KpiSums } from '#domain/contracts/kpi-rollup';
import {
  AGENT_COUNTS,
  CAMPAIGN_SUMS,
  type AgentMinute,
  type CampaignRollup,
  type CreativeStat,
  type KpiDelta,
  type LatencyCount,
  type SegmentRollup,
  type StageUser,
  type TrafficTick,
} from '#domain/lake/kpi-tables';
import type { KpiRollup } from '#domain/contracts/kpi-rollup';
import { addingTo, insertRows, type BulkColumns } from './bulk-insert';

/** Column of a sum: `valueNanos` -> `value_nanos`. */
export const columnOf = (sum: string) => sum.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const sumsOf = <N extends string>(names: readonly N[]): BulkColumns<Record<N, number>> =>
  Object.fromEntries(
    names.map((name) => [columnOf(name), { type: 'bigint' as const, of: (row: Record<N, number>) => row[name] }]),
  );

const KPI_SUM_COLUMNS: BulkColumns<KpiSums> = sumsOf(KPI_SUMS);
const KPI: BulkColumns<KpiRollup> = {
  cell: { type: 'text', of: (row) => row.cell },
  rollout_id: { type: 'text', of: (row) => row.rolloutId },
  stage: { type: 'integer', of: (row) => row.stage },
  arm: { type: 'text', of: (row) => row.arm },
  bucket_ms: { type: 'bigint', of: (row) => row.bucketMs },
  user_bucket: { type: 'integer', of: (row) => row.userBucket },
  ...KPI_SUM_COLUMNS,
};
const CAMPAIGN: BulkColumns<CampaignRollup> = {
  cell: { type: 'text', of: (row) => row.cell },
  campaign_id: { type: 'text', of: (row) => row.campaignId },
  arm: { type: 'text', of: (row) => row.arm },
  bucket_ms: { type: 'bigint', of: (row) => row.bucketMs },
  ...sumsOf(CAMPAIGN_SUMS),
};
const TICK: BulkColumns<TrafficTick> = {
  cell: { type: 'text', of: (row) => row.cell },
  tick_ms: { type: 'bigint', of: (row) => row.tickMs },
  ...KPI_SUM_COLUMNS,
};
const AGENT: BulkColumns<AgentMinute> = {
  cell: { type: 'text', of: (row) => row.cell },
  minute_ms: { type: 'bigint', of: (row) => row.minuteMs },
  arm: { type: 'text', of: (row) => row.arm },
  agent: { type: 'text', of: (row) => row.agent },
  ...sumsOf(AGENT_COUNTS),
};
const CREATIVE: BulkColumns<CreativeStat> = {
  creative_id: { type: 'text', of: (row) => row.creativeId },
  impressions: { type: 'bigint', of: (row) => row.impressions },
  clicks: { type: 'bigint', of: (row) => row.clicks },
};
const STAGE_USER: BulkColumns<StageUser> = {
  rollout_id: { type: 'text', of: (row) => row.rolloutId },
  stage: { type: 'integer', of: (row) => row.stage },
  user_key: { type: 'text', of: (row) => row.userKey },
  arm: { type: 'text', of: (row) => row.arm },
  first_ms: { type: 'bigint', of: (row) => row.firstMs },
};

const LATENCY: BulkColumns<LatencyCount> = {
  cell: { type: 'text', of: (row) => row.cell },
  rollout_id: { type: 'text', of: (row) => row.rolloutId },
  stage: { type: 'integer', of: (row) => row.stage },
  arm: { type: 'text', of: (row) => row.arm },
  bucket_ms: { type: 'bigint', of: (row) => row.bucketMs },
  bin: { type: 'integer', of: (row) => row.bin },
  decisions: { type: 'bigint', of: (row) => row.decisions },
};
const SEGMENT: BulkColumns<SegmentRollup> = {
  ...KPI,
  segment_by: { type: 'text', of: (row) => row.segmentBy },
  segment_value: { type: 'text', of: (row) => row.segmentValue },
};

const KPI_SUM_NAMES = KPI_SUMS.map(columnOf);
/** The earlier exposure stays; at the same millisecond the champion's (`isEarlier` in domain/lake says the same). */
const EARLIER_EXPOSURE = `ON CONFLICT (rollout_id, stage, user_key) DO UPDATE SET arm = excluded.arm, first_ms = excluded.first_ms
  WHERE (excluded.first_ms, excluded.arm = 'canary') < (stage_user.first_ms, stage_user.arm = 'canary')`;

/** Adds a segment's sums to the KPI tables, in the transaction that stores the segment. */
export async function addToKpiTables(manager: EntityManager, delta: KpiDelta): Promise<void> {
  const kpiKey = 'cell, rollout_id, bucket_ms, stage, arm, user_bucket';
  await insertRows(manager, 'kpi_rollup', KPI, delta.kpi, addingTo('kpi_rollup', kpiKey, KPI_SUM_NAMES));
  const campaignKey = 'cell, campaign_id, bucket_ms, arm';
  const campaignSums = CAMPAIGN_SUMS.map(columnOf);
  await insertRows(
    manager,
    'campaign_rollup',
    CAMPAIGN,
    delta.campaigns,
    addingTo('campaign_rollup', campaignKey, campaignSums),
  );
  await insertRows(
    manager,
    'traffic_tick',
    TICK,
    delta.ticks,
    addingTo('traffic_tick', 'cell, tick_ms', KPI_SUM_NAMES),
  );
  const agentKey = 'cell, minute_ms, agent, arm';
  await insertRows(manager, 'agent_minute', AGENT, delta.agents, addingTo('agent_minute', agentKey, AGENT_COUNTS));
  const creativeSums = ['impressions', 'clicks'];
  await insertRows(
    manager,
    'creative_stat',
    CREATIVE,
    delta.creatives,
    addingTo('creative_stat', 'creative_id', creativeSums),
  );
  await insertRows(manager, 'stage_user', STAGE_USER, delta.stageUsers, EARLIER_EXPOSURE);
  const latencyKey = 'cell, rollout_id, bucket_ms, stage, arm, bin';
  const latencyTail = addingTo('latency_rollup', latencyKey, ['decisions']);
  await insertRows(manager, 'latency_rollup', LATENCY, delta.latencies, latencyTail);
  const segmentKey = 'cell, rollout_id, bucket_ms, stage, arm, segment_by, segment_value, user_bucket';
  const segmentTail = addingTo('segment_rollup', segmentKey, KPI_SUM_NAMES);
  await insertRows(manager, 'segment_rollup', SEGMENT, delta.segments, segmentTail);
}

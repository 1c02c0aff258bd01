import type { DecisionRecord, ShadowRecord } from '../contracts/decision-record';
import type { Outcome } from '../contracts/outcome';
import type { UserFeatures, UserValues } from '../contracts/user-features';
import { isEligible } from '../coordination/request-context';

/** Datasets of the lake and their columns, with DuckDB's types. `record` is the event as the edge wrote it, for replay. */
export const LAKE_COLUMNS = {
  decisions: {
    decision_id: 'VARCHAR',
    edge_id: 'VARCHAR',
    decided_at_ms: 'BIGINT',
    snapshot_id: 'VARCHAR',
    request_id: 'VARCHAR',
    exchange: 'VARCHAR',
    auction_type: 'TINYINT',
    imp_index: 'SMALLINT',
    is_test: 'BOOLEAN',
    is_eligible: 'BOOLEAN',
    user_key: 'VARCHAR',
    user_bucket: 'SMALLINT',
    arm: 'VARCHAR',
    rollout_id: 'VARCHAR',
    stage: 'SMALLINT',
    inference_mode: 'VARCHAR',
    floor_micros: 'BIGINT',
    no_bid_reason: 'VARCHAR',
    campaign_id: 'VARCHAR',
    creative_id: 'VARCHAR',
    size: 'VARCHAR',
    bid_micros: 'BIGINT',
    bid_mode: 'VARCHAR',
    creative_propensity: 'DOUBLE',
    grid_mass: 'DOUBLE',
    throttle: 'DOUBLE',
    mu: 'DOUBLE',
    sigma: 'DOUBLE',
    p_ctr: 'DOUBLE',
    v_micros: 'DOUBLE',
    v_prime_micros: 'DOUBLE',
    psi: 'DOUBLE',
    k: 'DOUBLE',
    bid_model_version: 'VARCHAR',
    features: 'DOUBLE[]',
    // Of the user (domain/features): absent in older files; values null where the store could not tell.
    history_state: 'VARCHAR',
    history_scope: 'VARCHAR',
    exposures_10m: 'SMALLINT',
    exposures_1h: 'SMALLINT',
    exposures_6h: 'SMALLINT',
    exposures_24h: 'SMALLINT',
    exposures_3d: 'SMALLINT',
    exposures_7d: 'SMALLINT',
    seconds_since_exposure: 'INTEGER',
    clicks_since_exposure: 'SMALLINT',
    clicks_7d: 'SMALLINT',
    record: 'VARCHAR',
  },
  outcomes: {
    decision_id: 'VARCHAR',
    kind: 'VARCHAR',
    outcome_id: 'VARCHAR',
    at_ms: 'BIGINT',
    decided_at_ms: 'BIGINT',
    edge_id: 'VARCHAR',
    exchange: 'VARCHAR',
    campaign_id: 'VARCHAR',
    creative_id: 'VARCHAR',
    arm: 'VARCHAR',
    rollout_id: 'VARCHAR',
    stage: 'SMALLINT',
    user_bucket: 'SMALLINT',
    price_nanos: 'BIGINT',
    value_nanos: 'BIGINT',
    min_to_win_micros: 'DOUBLE',
    loss_reason: 'INTEGER',
    reservation_live: 'BOOLEAN',
    is_test: 'BOOLEAN',
  },
  shadows: {
    decision_id: 'VARCHAR',
    rollout_id: 'VARCHAR',
    at_ms: 'BIGINT',
    bid_micros: 'BIGINT',
    champion_bid_micros: 'BIGINT',
    expected_surplus_micros: 'DOUBLE',
    champion_expected_surplus_micros: 'DOUBLE',
    mu: 'DOUBLE',
    sigma: 'DOUBLE',
    error: 'VARCHAR',
    latency_us: 'DOUBLE',
    champion_latency_us: 'DOUBLE',
  },
} as const;

export type LakeDataset = keyof typeof LAKE_COLUMNS;
export const LAKE_DATASETS = Object.keys(LAKE_COLUMNS) as LakeDataset[];
export type LakeRow<D extends LakeDataset> = Record<keyof (typeof LAKE_COLUMNS)[D], unknown>;

/** A decision as a row; `text` is its JSON as the edge wrote it. */
export function decisionRow(record: DecisionRecord, text: string): LakeRow<'decisions'> {
  const { inputs, outputs } = record;
  const { request } = inputs;
  const { counterfactual, propensity } = outputs;
  return {
    decision_id: record.decisionId,
    edge_id: record.edgeId,
    decided_at_ms: inputs.nowMs,
    snapshot_id: inputs.snapshotId,
    request_id: request.requestId,
    exchange: request.exchange,
    // 3 = under a deal: its price says nothing of the open market, and nothing learns from it.
    auction_type: outputs.dealId == null ? request.auctionType : 3,
    imp_index: inputs.impIndex,
    is_test: request.isTest,
    is_eligible: isEligible(request),
    user_key: request.userKey,
    user_bucket: request.userBucket ?? -1,
    arm: inputs.arm,
    rollout_id: inputs.rolloutId,
    stage: inputs.stage,
    inference_mode: inputs.inferenceMode,
    floor_micros: request.impressions[inputs.impIndex]?.floorMicros ?? null,
    no_bid_reason: outputs.noBidReason,
    campaign_id: outputs.campaignId,
    creative_id: outputs.creativeId,
    size: outputs.size,
    bid_micros: outputs.bidMicros,
    bid_mode: outputs.agents?.bid.mode ?? null,
    creative_propensity: propensity?.creative ?? null,
    grid_mass: propensity?.gridMass ?? null,
    throttle: propensity?.throttle ?? null,
    mu: counterfactual?.mu ?? null,
    sigma: counterfactual?.sigma ?? null,
    p_ctr: counterfactual?.pCtr ?? null,
    v_micros: counterfactual?.vMicros ?? null,
    v_prime_micros: counterfactual?.vPrimeMicros ?? null,
    psi: counterfactual?.psi ?? null,
    k: counterfactual?.k ?? null,
    bid_model_version: record.modelVersions?.bid ?? null,
    features: outputs.features ?? [],
    ...userColumns(inputs.userFeatures),
    record: text,
  };
}

/** Columns of the user's features. */
export const USER_COLUMNS = {
  exposures10m: 'exposures_10m',
  exposures1h: 'exposures_1h',
  exposures6h: 'exposures_6h',
  exposures24h: 'exposures_24h',
  exposures3d: 'exposures_3d',
  exposures7d: 'exposures_7d',
  secondsSinceExposure: 'seconds_since_exposure',
  clicksSinceExposure: 'clicks_since_exposure',
  clicks7d: 'clicks_7d',
} as const satisfies Record<keyof UserValues, keyof typeof LAKE_COLUMNS.decisions>;

const userColumns = (user: UserFeatures | undefined) => ({
  history_state: user?.state ?? null,
  history_scope: user?.scope ?? null,
  exposures_10m: user?.values?.exposures10m ?? null,
  exposures_1h: user?.values?.exposures1h ?? null,
  exposures_6h: user?.values?.exposures6h ?? null,
  exposures_24h: user?.values?.exposures24h ?? null,
  exposures_3d: user?.values?.exposures3d ?? null,
  exposures_7d: user?.values?.exposures7d ?? null,
  seconds_since_exposure: user?.values?.secondsSinceExposure ?? null,
  clicks_since_exposure: user?.values?.clicksSinceExposure ?? null,
  clicks_7d: user?.values?.clicks7d ?? null,
});

export function outcomeRow(outcome: Outcome): LakeRow<'outcomes'> {
  return {
    decision_id: outcome.decisionId,
    kind: outcome.kind,
    outcome_id: outcome.outcomeId,
    at_ms: outcome.atMs,
    decided_at_ms: outcome.decidedAtMs,
    edge_id: outcome.edgeId,
    exchange: outcome.exchange,
    campaign_id: outcome.campaignId,
    creative_id: outcome.creativeId,
    arm: outcome.arm,
    rollout_id: outcome.rolloutId,
    stage: outcome.stage,
    user_bucket: outcome.userBucket,
    price_nanos: outcome.priceNanos,
    value_nanos: outcome.valueNanos,
    min_to_win_micros: outcome.minToWinMicros,
    loss_reason: outcome.lossReason,
    reservation_live: outcome.reservationLive,
    is_test: outcome.isTest,
  };
}

export function shadowRow(shadow: ShadowRecord): LakeRow<'shadows'> {
  return {
    decision_id: shadow.decisionId,
    rollout_id: shadow.rolloutId,
    at_ms: shadow.atMs,
    bid_micros: shadow.bidMicros,
    champion_bid_micros: shadow.championBidMicros,
    expected_surplus_micros: shadow.expectedSurplusMicros,
    champion_expected_surplus_micros: shadow.championExpectedSurplusMicros,
    mu: shadow.mu,
    sigma: shadow.sigma,
    error: shadow.error,
    latency_us: shadow.latencyUs,
    champion_latency_us: shadow.championLatencyUs ?? null,
  };
}

/** Hour partition of a time in UTC, `2026-11-24T05`. */
export const hourOf = (atMs: number) => new Date(atMs).toISOString().slice(0, 13);

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { BidParams } from '#domain/contracts';
import { latencyBudgetUs, type ShadowPairs } from '#domain/rollout';
import type { ShadowSummary } from '../../../../activities/rollout-activities';
import { DuckLake, literal, parquetByName, streamRows } from '../lake/duck-lake';
import { lakeFiles, ParquetSealer } from '../lake/parquet-sealer.service';
import { ModelRepository } from '../registry/model.repository';
import { RolloutRepository } from './rollout.repository';
import { calibration, pairedMeans, type ShadowSource } from './shadow-pairs';

const NONE: ShadowSummary = {
  n: 0,
  errors: 0,
  outOfBounds: 0,
  latencyUsP99: 0,
  meanBidRatio: 0,
  meanSurplusDifferenceMicros: 0,
  surplusStandardErrorMicros: 0,
};

export interface ShadowWindow {
  rolloutId: string;
  sinceMs: number;
  untilMs: number;
}

/** What a shadow would have bid, summed over its records in the lake. */
@Injectable()
export class ShadowSummaryService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly duck: DuckLake,
    private readonly sealer: ParquetSealer,
    private readonly rollouts: RolloutRepository,
    private readonly models: ModelRepository,
  ) {}

  /** Paired per decision: the same request, the shadow's bid against the champion's. */
  async summarise(input: ShadowWindow): Promise<ShadowSummary> {
    await this.sealer.sealNow();
    const { sinceMs, untilMs } = input;
    const files = await lakeFiles(this.duck, this.dataSource, 'shadows', sinceMs, untilMs);
    if (files.length === 0) return NONE;
    const { believable, predictsWins, labelMaturityMs } = await this.candidate(input.rolloutId);
    // A decision is older than its shadow's record, by less than this.
    const decisions = await lakeFiles(this.duck, this.dataSource, 'decisions', sinceMs - QUEUE_MS, untilMs);
    const outcomes = await lakeFiles(this.duck, this.dataSource, 'outcomes', sinceMs - QUEUE_MS, untilMs);
    const source: ShadowSource = { shadows: shadowsOf(files, input), decisions, outcomes };
    return this.duck.with(async (connection) => {
      const { summary, latency } = await healthOf(connection, source.shadows, believable);
      const calibrated = predictsWins ? await calibration(connection, source, untilMs - labelMaturityMs) : null;
      const pairs = { ...(await pairedMeans(connection, source)), latency, calibration: calibrated };
      const { mean, standardError } = pairs.surplusMicros ?? { mean: 0, standardError: 0 };
      return { ...summary, meanSurplusDifferenceMicros: mean, surplusStandardErrorMicros: standardError, pairs };
    });
  }

  /**
   * SQL that is true for outputs inside the candidate's own bounds; everything is believable without a bid model. Only a bid model
   * predicts wins: in the shadow of another agent's candidate the champion's does.
   */
  private async candidate(
    rolloutId: string,
  ): Promise<{ believable: string; predictsWins: boolean; labelMaturityMs: number }> {
    const rollout = await this.rollouts.find(rolloutId);
    const model = rollout === null ? null : await this.models.find(rollout.candidateId);
    const labelMaturityMs = (rollout?.plan.labelMaturitySeconds ?? 3600) * 1000;
    const policy = model?.manifest.policy;
    if (policy?.agent !== 'bid' || policy.artifact === null)
      return { believable: 'true', predictsWins: false, labelMaturityMs };
    const { muBounds, sigmaBounds }: BidParams = policy.params;
    const believable = `isfinite(mu) AND isfinite(sigma) AND mu BETWEEN ${muBounds[0]} AND ${muBounds[1]}
      AND sigma BETWEEN ${sigmaBounds[0]} AND ${sigmaBounds[1]}`;
    return { believable, predictsWins: true, labelMaturityMs };
  }
}

/** Longest time between a decision and its shadow's turn. */
const QUEUE_MS = 60_000;

/** The rollout's records of the window, those of edges that do not tell the champion's latency included. */
const shadowsOf = (files: readonly string[], { rolloutId, sinceMs, untilMs }: ShadowWindow): string => `(
  SELECT * FROM ${parquetByName(files)}
  WHERE rollout_id = ${literal(rolloutId)} AND at_ms BETWEEN ${sinceMs} AND ${untilMs}
  UNION ALL BY NAME SELECT NULL::DOUBLE AS champion_latency_us WHERE false)`;

/** Counts and latency, the champion's on the same requests beside it. */
async function healthOf(
  connection: DuckDBConnection,
  shadows: string,
  believable: string,
): Promise<{ summary: ShadowSummary; latency: ShadowPairs['latency'] }> {
  const [n, errors, outOfBounds, latencyUsP99, meanBidRatio, pairs, championUsP99] = await onlyRow(
    connection,
    `SELECT count(*), count(error), count(*) FILTER (error IS NULL AND NOT (${believable})),
        coalesce(quantile_cont(latency_us, 0.99), 0),
        coalesce(avg(bid_micros / champion_bid_micros) FILTER (champion_bid_micros > 0), 0),
        count(champion_latency_us), coalesce(quantile_cont(champion_latency_us, 0.99), 0)
      FROM ${shadows}`,
  );
  const budgetUs = latencyBudgetUs(championUsP99);
  const [overBudget] = await onlyRow(
    connection,
    `SELECT count(*) FROM ${shadows} WHERE champion_latency_us IS NOT NULL AND latency_us > ${budgetUs}`,
  );
  return {
    summary: { ...NONE, n, errors, outOfBounds, latencyUsP99, meanBidRatio },
    latency: { n: pairs, championUsP99, budgetUs, overBudget },
  };
}

async function onlyRow(connection: DuckDBConnection, sql: string): Promise<number[]> {
  for await (const values of streamRows(connection, sql)) return values.map(Number);
  throw new Error('an aggregate without GROUP BY answers one row');
}

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { BidParams } from '#domain/contracts';
import type { ShadowSummary } from '../../../../activities/rollout-activities';
import { DuckLake, literal, parquetOf, streamRows } from '../lake/duck-lake';
import { lakeFiles, ParquetSealer } from '../lake/parquet-sealer.service';
import { ModelRepository } from '../registry/model.repository';
import { RolloutRepository } from './rollout.repository';

const NONE: ShadowSummary = {
  n: 0,
  errors: 0,
  outOfBounds: 0,
  latencyUsP99: 0,
  meanBidRatio: 0,
  meanSurplusDifferenceMicros: 0,
  surplusStandardErrorMicros: 0,
};

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
  async summarise(input: { rolloutId: string; sinceMs: number; untilMs: number }): Promise<ShadowSummary> {
    await this.sealer.sealNow();
    const files = await lakeFiles(this.duck, this.dataSource, 'shadows', input.sinceMs, input.untilMs);
    if (files.length === 0) return NONE;
    const sql = `
      SELECT count(*), count(error), count(*) FILTER (error IS NULL AND NOT (${await this.believable(input.rolloutId)})),
        coalesce(quantile_cont(latency_us, 0.99), 0),
        coalesce(avg(bid_micros / champion_bid_micros) FILTER (champion_bid_micros > 0), 0),
        coalesce(avg(expected_surplus_micros - champion_expected_surplus_micros) FILTER (error IS NULL), 0),
        coalesce(stddev_samp(expected_surplus_micros - champion_expected_surplus_micros) FILTER (error IS NULL), 0)
      FROM ${parquetOf(files)}
      WHERE rollout_id = ${literal(input.rolloutId)} AND at_ms BETWEEN ${input.sinceMs} AND ${input.untilMs}`;
    const row = await this.duck.with(async (connection) => {
      for await (const values of streamRows(connection, sql)) return values.map(Number);
      return null;
    });
    if (row === null) return NONE;
    const [n, errors, outOfBounds, latencyUsP99, meanBidRatio, meanSurplusDifferenceMicros, deviation] = row;
    const surplusStandardErrorMicros = n === 0 ? 0 : deviation / Math.sqrt(n);
    return {
      n,
      errors,
      outOfBounds,
      latencyUsP99,
      meanBidRatio,
      meanSurplusDifferenceMicros,
      surplusStandardErrorMicros,
    };
  }

  /** SQL that is true for outputs inside the candidate's own bounds; everything is believable without a bid model. */
  private async believable(rolloutId: string): Promise<string> {
    const rollout = await this.rollouts.find(rolloutId);
    const model = rollout === null ? null : await this.models.find(rollout.candidateId);
    const policy = model?.manifest.policy;
    if (policy?.agent !== 'bid' || policy.artifact === null) return 'true';
    const { muBounds, sigmaBounds }: BidParams = policy.params;
    return `isfinite(mu) AND isfinite(sigma) AND mu BETWEEN ${muBounds[0]} AND ${muBounds[1]}
      AND sigma BETWEEN ${sigmaBounds[0]} AND ${sigmaBounds[1]}`;
  }
}

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ControlPlaneConfig } from '../config';
import { DecisionReader, type RecentBid } from './decision-reader.service';
import { KpiRepository } from './kpi.repository';

/** What the lake adds to GET /api/v1/status. */
export interface LakeStatus {
  requestsPerSecond: number;
  bidRate: number;
  winRate: number;
  /** Of the last seven days, without test traffic. */
  decisions: number;
  spendNanos: number;
  valueNanos: number;
  lastBids: RecentBid[];
  lake: {
    segments: number;
    unsealedSegments: number;
    parquetFiles: number;
    /** Age of the newest decision that has been ingested, ms; null without one. */
    newestDecisionAgeMs: number | null;
  };
}

const RATE_WINDOW_MS = 30_000;
const LAST_BIDS = 10;

/** Live figures of the traffic, cheap enough to be asked for every second. */
@Injectable()
export class LakeStatusService {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
    private readonly kpis: KpiRepository,
    private readonly decisions: DecisionReader,
  ) {}

  async status(nowMs = Date.now()): Promise<LakeStatus> {
    const { cell } = this.config;
    const recent = await this.kpis.recentTotals(RATE_WINDOW_MS, cell, nowMs);
    const [totals] = await this.database.query<Record<string, string>[]>(
      `SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(spend_nanos), 0) AS spend,
          coalesce(sum(value_nanos), 0) AS value FROM traffic_tick WHERE cell = $1`,
      [cell],
    );
    const [lake] = await this.database.query<Record<string, string | null>[]>(
      `SELECT (SELECT count(*) FROM segment) AS segments,
        (SELECT count(*) FROM segment WHERE parquet_batch IS NULL) AS unsealed,
        (SELECT count(*) FROM lake_file WHERE retired_at IS NULL) AS files,
        (SELECT max(tick_ms) + 5000 FROM traffic_tick WHERE cell = $1) AS newest`,
      [cell],
    );
    const newest = lake?.newest ?? null;
    return {
      requestsPerSecond: recent.requests / recent.seconds,
      bidRate: ratio(recent.bids, recent.requests),
      winRate: ratio(recent.wins, recent.bids),
      decisions: Number(totals?.requests ?? 0),
      spendNanos: Number(totals?.spend ?? 0),
      valueNanos: Number(totals?.value ?? 0),
      lastBids: (await this.decisions.recentBids(LAST_BIDS, null)).slice(0, LAST_BIDS),
      lake: {
        segments: Number(lake?.segments ?? 0),
        unsealedSegments: Number(lake?.unsealed ?? 0),
        parquetFiles: Number(lake?.files ?? 0),
        newestDecisionAgeMs: newest === null ? null : Math.max(0, nowMs - Number(newest)),
      },
    };
  }
}

const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0);

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ExperimentPlan } from '#domain/contracts';
import { estimateRatioOf } from '#domain/evaluation';
import type { ExperimentTraffic } from '#domain/experiment';
import { METRIC_CATALOGUE } from '#domain/rollout';
import { KpiRepository } from '../lake/kpi.repository';
import { columnOf } from '../lake/kpi-writer';

/** Traffic of a whole day: a shorter window would plan two weeks by one hour of the day. */
const MEASURED_MS = 24 * 3_600_000;
/** Without a decision in this time nothing is measured: the traffic has stopped. */
const FRESH_MS = 600_000;
/** Used until enough events were seen to measure it. */
const USUAL_DISPERSION = 1.5;
const EVENTS_TO_MEASURE = 200;

/** Measures what an experiment could count on if it started now. */
@Injectable()
export class ExperimentTrafficMeter {
  constructor(
    private readonly dataSource: DataSource,
    private readonly kpis: KpiRepository,
  ) {}

  /** Null while no decision has arrived lately, or the primary metric has no event. */
  async measure(plan: ExperimentPlan, cell: string, nowMs = Date.now()): Promise<ExperimentTraffic | null> {
    const recent = await this.kpis.recentTotals(FRESH_MS, cell, nowMs);
    if (recent.requests === 0) return null;
    const day = await this.kpis.recentTotals(MEASURED_MS, cell, nowMs);
    const { events } = METRIC_CATALOGUE[plan.primary];
    const primaryPerSecond = plan.expectedPrimaryPerSecond ?? day[events] / day.seconds;
    if (!(primaryPerSecond > 0)) return null;
    return { primaryPerSecond, dispersion: await this.dispersion(plan, cell, nowMs) };
  }

  /**
   * Variance of the primary ratio over that of a Poisson count of its events, measured over user buckets: heavy users and
   * unequal values are in it. Never below 1.
   */
  private async dispersion(plan: ExperimentPlan, cell: string, nowMs: number): Promise<number> {
    const { numerator, denominator, events } = METRIC_CATALOGUE[plan.primary];
    if (numerator === null || denominator === null) return USUAL_DISPERSION;
    const rows = await this.dataSource.query<{ numerator: string; denominator: string; events: string }[]>(
      `SELECT sum(${columnOf(numerator)}) AS numerator, sum(${columnOf(denominator)}) AS denominator,
         sum(${columnOf(events)}) AS events
       FROM kpi_rollup WHERE cell = $1 AND bucket_ms >= $2 AND user_bucket >= 0 GROUP BY user_bucket`,
      [cell, nowMs - MEASURED_MS],
    );
    const seen = rows.reduce((total, row) => total + Number(row.events), 0);
    const ratio = estimateRatioOf(
      rows.map((row) => ({ numerator: Number(row.numerator), denominator: Number(row.denominator) })),
    );
    if (seen < EVENTS_TO_MEASURE || !ratio || !(ratio.ratio > 0)) return USUAL_DISPERSION;
    return Math.max(1, (ratio.variance / ratio.ratio ** 2) * seen);
  }
}

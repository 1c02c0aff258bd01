import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Agent, Evidence, Forecast, MetricEvidence } from '#domain/contracts';
import { forecastQuality, foundEffect, type ForecastQuality, type ScoredForecast } from '#domain/rollout';
import { LookRepository } from '../rollouts/look.repository';

/** A forecast of one rollout beside what its canary found; `found` is null when it found nothing, and `outcome` says why. */
export interface ForecastScore {
  rolloutId: string;
  source: Forecast['source'];
  metric: Forecast['metric'];
  agent: Agent;
  family: string;
  candidateId: string;
  forecast: { effect: number; lower: number; upper: number; confidence: number };
  outcome: 'scored' | 'no-canary' | 'not-measured';
  found: { effect: number; lower: number; upper: number; stage: number; look: number; digest: string } | null;
  scoredAt: string;
}

/** Forecasts of one source about one metric, for one family and agent. */
export interface ForecastGroup {
  family: string;
  agent: Agent;
  source: Forecast['source'];
  metric: Forecast['metric'];
  /** Forecasts of rollouts whose canary found nothing to score them by. */
  unscored: number;
  quality: ForecastQuality | null;
}

interface Pending {
  rollout_id: string;
  candidate_id: string;
  agent: Agent;
  family: string;
  forecasts: Forecast[];
}

interface Row {
  rollout_id: string;
  source: Forecast['source'];
  metric: Forecast['metric'];
  agent: Agent;
  family: string;
  candidate_id: string;
  forecast_effect: number;
  forecast_lower: number;
  forecast_upper: number;
  confidence: number;
  outcome: ForecastScore['outcome'];
  found_effect: number | null;
  found_lower: number | null;
  found_upper: number | null;
  stage: number | null;
  look: number | null;
  look_digest: string | null;
  scored_at: Date;
}

/** Scores what the offline gates forecast by what the canary found. Writes each score once; never delays a rollout. */
@Injectable()
export class ForecastScores {
  constructor(
    private readonly dataSource: DataSource,
    private readonly looks: LookRepository,
  ) {}

  /** Scores every ended rollout that has forecasts and no scores yet. Repeating it, or two at once, changes nothing. */
  async scoreEnded(): Promise<number> {
    const pending = await this.dataSource.query<Pending[]>(
      `SELECT r.rollout_id, r.candidate_id, m.agent, m.family,
         jsonb_path_query_array(m.manifest, '$.gates[*].forecast') AS forecasts
       FROM rollout r JOIN model_version m ON m.model_version_id = r.candidate_id
       WHERE r.ended_at IS NOT NULL AND jsonb_path_exists(m.manifest, '$.gates[*].forecast')
         AND NOT EXISTS (SELECT 1 FROM forecast_score s WHERE s.rollout_id = r.rollout_id)
       ORDER BY r.ended_at LIMIT 500`,
    );
    for (const rollout of pending) await this.scoreOne(rollout);
    return pending.length;
  }

  /** Scores, newest first. */
  async list(limit: number): Promise<ForecastScore[]> {
    const rows = await this.dataSource.query<Row[]>(`${SELECT} ORDER BY scored_at DESC, rollout_id, source LIMIT $1`, [
      limit,
    ]);
    return rows.map(scoreOf);
  }

  async ofRollout(rolloutId: string): Promise<ForecastScore[]> {
    const rows = await this.dataSource.query<Row[]>(`${SELECT} WHERE rollout_id = $1 ORDER BY source, metric`, [
      rolloutId,
    ]);
    return rows.map(scoreOf);
  }

  /** Quality over all scores, by family, agent, source and metric. */
  async groups(): Promise<ForecastGroup[]> {
    const rows = (
      await this.dataSource.query<Row[]>(`${SELECT} ORDER BY family, agent, source, metric, rollout_id`)
    ).map(scoreOf);
    const groups = new Map<string, ForecastScore[]>();
    for (const score of rows) {
      const key = [score.family, score.agent, score.source, score.metric].join('|');
      groups.set(key, [...(groups.get(key) ?? []), score]);
    }
    return [...groups.values()].map((scores) => {
      const { family, agent, source, metric } = scores[0];
      const scored = scores.flatMap(({ forecast, found }): ScoredForecast[] =>
        found === null ? [] : [{ forecast: { ...forecast, relativeEffect: forecast.effect }, found }],
      );
      return {
        family,
        agent,
        source,
        metric,
        unscored: scores.length - scored.length,
        quality: forecastQuality(scored),
      };
    });
  }

  private async scoreOne({ rollout_id, candidate_id, agent, family, forecasts }: Pending): Promise<void> {
    const last = await this.looks.latest(rollout_id);
    for (const forecast of forecasts) {
      const evidence = measured(last, forecast.metric);
      const found = evidence && foundEffect(evidence);
      const outcome = last === null ? 'no-canary' : found ? 'scored' : 'not-measured';
      const { source, metric, relativeEffect, lower, upper, confidence } = forecast;
      await this.dataSource.query(
        `INSERT INTO forecast_score (rollout_id, source, metric, agent, family, candidate_id, forecast_effect, forecast_lower,
           forecast_upper, confidence, outcome, found_effect, found_lower, found_upper, stage, look, look_digest)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING`,
        [
          ...[
            rollout_id,
            source,
            metric,
            agent,
            family,
            candidate_id,
            relativeEffect,
            lower,
            upper,
            confidence,
            outcome,
          ],
          ...(found && last
            ? [found.effect, found.lower, found.upper, last.stage, last.look, last.digest]
            : [null, null, null, null, null, null]),
        ],
      );
    }
  }
}

const measured = (last: Evidence | null, metric: Forecast['metric']): MetricEvidence | null =>
  last?.metrics.find((found) => found.metric === metric) ?? null;

const SELECT = 'SELECT * FROM forecast_score';

function scoreOf(row: Row): ForecastScore {
  const { found_effect: effect, found_lower: lower, found_upper: upper, stage, look, look_digest: digest } = row;
  const isFound =
    effect !== null && lower !== null && upper !== null && stage !== null && look !== null && digest !== null;
  return {
    rolloutId: row.rollout_id,
    source: row.source,
    metric: row.metric,
    agent: row.agent,
    family: row.family,
    candidateId: row.candidate_id,
    forecast: {
      effect: row.forecast_effect,
      lower: row.forecast_lower,
      upper: row.forecast_upper,
      confidence: row.confidence,
    },
    outcome: row.outcome,
    found: isFound ? { effect, lower, upper, stage, look, digest } : null,
    scoredAt: row.scored_at.toISOString(),
  };
}

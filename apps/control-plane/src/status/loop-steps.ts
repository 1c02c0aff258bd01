import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ControlPlaneConfig } from '../config';

/** Stations of the loop in their order. */
export const LOOP_STEPS = ['simulate', 'log', 'train', 'gate', 'shadow', 'canary', 'promote'] as const;
export type LoopStepName = (typeof LOOP_STEPS)[number];

export interface LoopStep {
  step: LoopStepName;
  /** When it last did something, ISO 8601; null = never. */
  at: string | null;
  ageSeconds: number | null;
  /** What that was, in a few words. */
  detail: string;
}

interface StepRow {
  step: LoopStepName;
  at: Date | null;
  detail: string | null;
}

/**
 * One row per step: its last sign of life. `simulate` is traffic that reached an edge, whoever sends it; its five-second tick
 * dates it.
 */
const LAST_SIGNS = `
  SELECT 'simulate' AS step, to_timestamp((max(tick_ms) + 5000) / 1000.0) AS at, 'requests reach the edges' AS detail
    FROM traffic_tick WHERE cell = $1
  UNION ALL (SELECT 'log', ingested_at, decisions || ' decisions, ' || outcomes || ' outcomes from ' || edge_id
    FROM segment ORDER BY seq DESC LIMIT 1)
  UNION ALL (SELECT 'train', updated_at, agent || ': ' || step || coalesce(' (' || code || ')', '')
    FROM training_run ORDER BY updated_at DESC LIMIT 1)
  UNION ALL (SELECT 'gate', created_at, model_version_id || CASE WHEN gates_passed THEN ' passed' ELSE ' refused' END
    FROM model_version WHERE manifest->>'workflowId' <> 'shipped' ORDER BY created_at DESC LIMIT 1)
  UNION ALL (SELECT 'shadow', ingested_at, shadows || ' shadow decisions from ' || edge_id
    FROM segment WHERE shadows > 0 ORDER BY seq DESC LIMIT 1)
  UNION ALL (SELECT 'canary', l.at, l.rollout_id || ': ' || l.verdict FROM look l JOIN rollout r USING (rollout_id)
    WHERE r.cell = $1 AND r.plan->'stages'->l.stage->>'kind' = 'canary' ORDER BY l.at DESC LIMIT 1)
  UNION ALL (SELECT 'promote', at, to_model_version_id FROM deployment_event
    WHERE cell = $1 AND role = 'champion' AND actor <> 'seed' ORDER BY event_id DESC LIMIT 1)`;

/** Whether the loop turns, step by step. */
@Injectable()
export class LoopSteps {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
  ) {}

  async steps(nowMs = Date.now()): Promise<LoopStep[]> {
    const rows = await this.database.query<StepRow[]>(LAST_SIGNS, [this.config.cell]);
    return LOOP_STEPS.map((step) => {
      const row = rows.find((candidate) => candidate.step === step);
      if (!row?.at) return { step, at: null, ageSeconds: null, detail: 'never yet' };
      const ageSeconds = Math.max(0, Math.round((nowMs - row.at.getTime()) / 1000));
      return { step, at: row.at.toISOString(), ageSeconds, detail: row.detail ?? '' };
    });
  }
}

import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Segment, SegmentGuardrail } from '#domain/contracts';

/** Rollouts remembered at most; a handful run in a day. */
const MAX_ROLLOUTS = 256;

/** Segments that each rollout's plan registered before its start: the only ones whose sums are kept per user bucket. */
@Injectable()
export class RolloutSegments {
  private readonly byRollout = new Map<string, readonly Segment[]>();

  constructor(private readonly database: DataSource) {}

  /** Reads the plans of these rollouts that are not known yet; a plan never changes. Unknown rollouts have no segments. */
  async prepare(rolloutIds: Iterable<string>): Promise<void> {
    const unknown = [...new Set(rolloutIds)].filter((id) => id !== '' && !this.byRollout.has(id));
    if (unknown.length === 0) return;
    const rows = await this.database.query<{ rollout_id: string; guardrails: SegmentGuardrail[] | null }[]>(
      `SELECT rollout_id, plan -> 'segmentGuardrails' AS guardrails FROM rollout WHERE rollout_id = ANY($1)`,
      [unknown.slice(0, MAX_ROLLOUTS)],
    );
    for (const { rollout_id: id, guardrails } of rows) {
      if (this.byRollout.size >= MAX_ROLLOUTS) this.byRollout.delete(this.byRollout.keys().next().value ?? '');
      this.byRollout.set(id, distinct(guardrails ?? []));
    }
  }

  of(rolloutId: string): readonly Segment[] {
    return this.byRollout.get(rolloutId) ?? [];
  }
}

/** Several metrics of one segment share its sums. */
function distinct(guardrails: readonly SegmentGuardrail[]): Segment[] {
  const segments = new Map(guardrails.map(({ by, value }) => [`${by}|${value}`, { by, value }]));
  return [...segments.values()];
}

import type { EntityManager } from 'typeorm';
import {
  type AgentDelta,
  CREATIVE_HOUR_SUMS,
  type ConflictHour,
  type CreativeHour,
  PACING_TICK_SUMS,
  type PacingTick,
} from '#domain/lake/agent-sums';
import { addingTo, type BulkColumns, insertRows } from './bulk-insert';
import { columnOf } from './kpi-writer';

const sumsOf = <N extends string>(names: readonly N[]): BulkColumns<Record<N, number>> =>
  Object.fromEntries(names.map((name) => [columnOf(name), { type: 'bigint' as const, of: (row) => row[name] }]));

const CONFLICT: BulkColumns<ConflictHour> = {
  cell: { type: 'text', of: (row) => row.cell },
  hour_ms: { type: 'bigint', of: (row) => row.hourMs },
  arm: { type: 'text', of: (row) => row.arm },
  rule: { type: 'text', of: (row) => row.rule },
  winner: { type: 'text', of: (row) => row.winner },
  loser: { type: 'text', of: (row) => row.loser },
  conflicts: { type: 'bigint', of: (row) => row.conflicts },
};
const CREATIVE: BulkColumns<CreativeHour> = {
  cell: { type: 'text', of: (row) => row.cell },
  hour_ms: { type: 'bigint', of: (row) => row.hourMs },
  exchange: { type: 'text', of: (row) => row.exchange },
  creative_id: { type: 'text', of: (row) => row.creativeId },
  ...sumsOf(CREATIVE_HOUR_SUMS),
};
const PACING: BulkColumns<PacingTick> = {
  cell: { type: 'text', of: (row) => row.cell },
  tick_ms: { type: 'bigint', of: (row) => row.tickMs },
  campaign_id: { type: 'text', of: (row) => row.campaignId },
  ...sumsOf(PACING_TICK_SUMS),
};

/** Adds a segment's sums to the tables that agents' slow decisions read, in the transaction that stores the segment. */
export async function addToAgentTables(manager: EntityManager, delta: AgentDelta): Promise<void> {
  const conflictKey = 'cell, hour_ms, rule, winner, loser, arm';
  await insertRows(
    manager,
    'conflict_hour',
    CONFLICT,
    delta.conflicts,
    addingTo('conflict_hour', conflictKey, ['conflicts']),
  );
  const creativeKey = 'cell, hour_ms, exchange, creative_id';
  const creativeSums = CREATIVE_HOUR_SUMS.map(columnOf);
  await insertRows(
    manager,
    'creative_hour',
    CREATIVE,
    delta.creatives,
    addingTo('creative_hour', creativeKey, creativeSums),
  );
  const pacingSums = PACING_TICK_SUMS.map(columnOf);
  await insertRows(
    manager,
    'pacing_tick',
    PACING,
    delta.pacing,
    addingTo('pacing_tick', 'cell, tick_ms, campaign_id', pacingSums),
  );
}

import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { WeightState } from '#domain/contracts/campaign-weights';
import type { WeightName } from '#domain/contracts/weight-ranges';
import { mayReach, reachableWeights, type StepEvidence, type WeightMove } from '#domain/meta';

/** Key of the advisory lock that numbers the changes of weights: 'wght' in ASCII. */
const WEIGHT_LOCK = 0x77676874;
const WEEK_MS = 7 * 86_400_000;

/** A wished-for change of one weight. */
export interface WeightChange {
  /** Idempotency key: a repeated one answers what was done. */
  key: string;
  cell: string;
  campaignId: string;
  weight: WeightName;
  to: number;
  /** The policy's own value, from which a weight that nobody has changed starts. */
  start: number;
  kind: WeightEvent['kind'];
  by: string;
  reason: string;
  evidence: StepEvidence | null;
  nowMs: number;
}

/** One change that was made. */
export interface WeightEvent {
  campaignId: string;
  weight: WeightName;
  version: number;
  from: number;
  to: number;
  kind: 'step' | 'reversal' | 'operator';
  by: string;
  reason: string;
  evidence: StepEvidence | null;
  atMs: number;
}

/** What became of a wish: made (perhaps earlier, under the same key), or refused with the values that may be set now. */
export type WeightOutcome =
  | { changed: true; version: number; from: number; to: number }
  | { changed: false; code: 'WEIGHT_STEP_TOO_LARGE' | 'NOTHING_TO_REVERSE'; reason: string };

interface EventRow {
  campaign_id: string;
  weight: WeightName;
  version: number;
  from_value: number;
  to_value: number;
  kind: WeightEvent['kind'];
  by: string;
  reason: string;
  evidence: StepEvidence | null;
  at_ms: string;
}

/** Reward weights: append-only changes, of which the newest per campaign and weight is in force. */
@Injectable()
export class WeightRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Weights in force that were ever changed; null while none was. */
  async state(cell: string, manager: EntityManager = this.dataSource.manager): Promise<WeightState | null> {
    const rows = await manager.query<EventRow[]>(
      `SELECT DISTINCT ON (campaign_id, weight) * FROM weight_event WHERE cell = $1
       ORDER BY campaign_id, weight, version DESC`,
      [cell],
    );
    if (rows.length === 0) return null;
    const campaigns: WeightState['campaigns'] = {};
    for (const row of rows) campaigns[row.campaign_id] = { ...campaigns[row.campaign_id], [row.weight]: row.to_value };
    return { version: Math.max(...rows.map((row) => row.version)), campaigns };
  }

  /** Changes from `sinceMs` on, oldest first. */
  async events(cell: string, sinceMs: number, manager = this.dataSource.manager): Promise<WeightEvent[]> {
    const rows = await manager.query<EventRow[]>(
      'SELECT * FROM weight_event WHERE cell = $1 AND at_ms >= $2 ORDER BY version',
      [cell, sinceMs],
    );
    return rows.map(eventOf);
  }

  /**
   * Makes the change in the caller's transaction unless it leaves the room of a day or a week; only the newest change may be
   * reversed, once, whatever room is left. @throws on a value outside its declared range (the database refuses it).
   */
  async change(wish: WeightChange, manager: EntityManager): Promise<WeightOutcome> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [WEIGHT_LOCK]);
    const [known] = await manager.query<EventRow[]>('SELECT * FROM weight_event WHERE key = $1', [wish.key]);
    if (known) return { changed: true, version: known.version, from: known.from_value, to: known.to_value };
    const { cell, campaignId, weight } = wish;
    const history = await manager.query<EventRow[]>(
      'SELECT * FROM weight_event WHERE cell = $1 AND campaign_id = $2 AND weight = $3 ORDER BY version',
      [cell, campaignId, weight],
    );
    const last = history.at(-1);
    const from = last?.to_value ?? wish.start;
    const refusal = refusalOf(wish, from, history);
    if (refusal !== null) return refusal;
    const [{ version }] = (await manager.query(
      'SELECT coalesce(max(version), 0)::integer + 1 AS version FROM weight_event WHERE cell = $1',
      [cell],
    )) as [{ version: number }];
    await manager.query(
      `INSERT INTO weight_event (key, cell, campaign_id, weight, version, from_value, to_value, kind, by, reason, evidence, at_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        wish.key,
        cell,
        campaignId,
        weight,
        version,
        from,
        wish.to,
        wish.kind,
        wish.by,
        wish.reason.slice(0, 2000),
        wish.evidence === null ? null : JSON.stringify(wish.evidence),
        wish.nowMs,
      ],
    );
    return { changed: true, version, from, to: wish.to };
  }
}

function refusalOf(wish: WeightChange, from: number, history: readonly EventRow[]): WeightOutcome | null {
  const { weight, to, nowMs } = wish;
  if (wish.kind === 'reversal') {
    const last = history.at(-1);
    if (last !== undefined && last.kind === 'step' && last.from_value === to) return null;
    const reason = `the newest change of ${weight} of ${wish.campaignId} is not a step from ${to}`;
    return { changed: false, code: 'NOTHING_TO_REVERSE', reason };
  }
  const moves = history.map(eventOf).filter((event) => event.atMs > nowMs - WEEK_MS);
  if (mayReach(weight, from, to, moves, nowMs)) return null;
  const { least, most } = reachableWeights(weight, from, moves, nowMs);
  const reason =
    `${weight} of ${wish.campaignId} is ${from} and may be set from ${least.toPrecision(6)} to ${most.toPrecision(6)} now: ` +
    'at most 10 % in a day and 25 % in a week';
  return { changed: false, code: 'WEIGHT_STEP_TOO_LARGE', reason };
}

const eventOf = (row: EventRow): WeightEvent & WeightMove => ({
  campaignId: row.campaign_id,
  weight: row.weight,
  version: row.version,
  from: row.from_value,
  to: row.to_value,
  kind: row.kind,
  by: row.by,
  reason: row.reason,
  evidence: row.evidence,
  atMs: Number(row.at_ms),
});

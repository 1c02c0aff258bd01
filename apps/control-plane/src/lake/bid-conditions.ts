/** Conditions on the lake's decisions that training windows and off-policy evaluation share, as SQL. */
import { WINDOW_FEATURES } from '#domain/lake/win-window';
import type { ExcludedIncident } from '../incidents/incident.repository';
import { literal } from './duck-lake';

/** Decided in [fromMs, toMs). */
export const inRange = (fromMs: number, toMs: number): string =>
  `decided_at_ms >= ${fromMs} AND decided_at_ms < ${toMs}`;

/** Whether a decision falls into one of the incidents; with a rollout, only its canary's do. */
export function inIncidents(excluded: readonly ExcludedIncident[]): string {
  const each = excluded.map(({ fromMs, toMs, rolloutId }) => {
    const when = `decided_at_ms >= ${fromMs}${toMs === null ? '' : ` AND decided_at_ms < ${toMs}`}`;
    return `(${when}${rolloutId === null ? '' : ` AND arm = 'canary' AND rollout_id = ${literal(rolloutId)}`})`;
  });
  return each.length === 0 ? 'false' : `(${each.join(' OR ')})`;
}

/** A bid of real traffic in the open auction; a deal's price teaches nothing about it. */
export const IS_BID = 'NOT is_test AND no_bid_reason IS NULL AND bid_micros > 0 AND auction_type <> 3';
/** All features are there and finite. */
export const IS_USABLE = `coalesce(len(features) = ${WINDOW_FEATURES}
  AND list_count(list_filter(features, lambda value: isfinite(value))) = ${WINDOW_FEATURES}, false)`;

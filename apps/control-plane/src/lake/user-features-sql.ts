import { EXPOSURE_WINDOWS, HISTORY_TTL_MS, MOST_CLICKS, MOST_EXPOSURES } from '#domain/features';
import { USER_COLUMNS } from '#domain/lake/decision-columns';
import { inRange } from './bid-conditions';
import { parquetByName } from './duck-lake';

/** Logged columns, and the same computed; in this order in the rows of `userFeaturesSql`. */
export const COMPARED_COLUMNS = Object.values(USER_COLUMNS);

/**
 * The point-in-time join of domain/features/point-in-time.ts in SQL: for at most `maxRows` decisions of [fromMs, toMs) whose history was known, drawn by a hash
 * of their ids: decision_id, the logged values, the computed ones. Files may be of formats that lack the columns.
 * @param files of decisions and outcomes from 7 days and the life of a notice before `fromMs` on; neither list empty
 */
export function userFeaturesSql(
  files: { decisions: readonly string[]; outcomes: readonly string[] },
  range: { fromMs: number; toMs: number; maxRows: number },
): string {
  const exposures = EXPOSURE_WINDOWS.map(
    ({ name, windowMs }) =>
      `least(${MOST_EXPOSURES}, count(*) FILTER (e.kind = 'bill' AND a.decided_at_ms - e.at_ms < ${windowMs})) AS ${USER_COLUMNS[name]}`,
  );
  const clicks = (condition: string): string =>
    `least(${MOST_CLICKS}, count(*) FILTER (e.kind = 'click' AND ${condition}))`;
  const isBefore = `e.owner = a.owner AND e.at_ms < a.decided_at_ms AND e.at_ms > a.decided_at_ms - ${HISTORY_TTL_MS}`;
  const columns = COMPARED_COLUMNS;
  return `WITH known AS (
      SELECT decision_id, decided_at_ms, history_state, ${columns.join(', ')},
        CASE history_scope WHEN 'fleet' THEN '' ELSE edge_id END || '|' || user_key AS owner
      FROM ${parquetByName(files.decisions)}
      WHERE user_key IS NOT NULL AND history_state <> 'not-allowed'
    ), e AS (
      SELECT owner, kind, min(at_ms) AS at_ms FROM ${parquetByName(files.outcomes)} JOIN known USING (decision_id)
      WHERE kind IN ('bill', 'click') AND NOT is_test GROUP BY outcome_id, owner, kind
    ), a AS (
      SELECT * FROM known WHERE ${inRange(range.fromMs, range.toMs)} AND history_state = 'known'
      ORDER BY md5(decision_id) LIMIT ${range.maxRows}
    ), last AS (
      SELECT a.decision_id, max(e.at_ms) AS last_ms FROM a JOIN e ON ${isBefore} AND e.kind = 'bill' GROUP BY ALL
    ), computed AS (
      SELECT a.decision_id, ${exposures.join(', ')},
        (a.decided_at_ms - last_ms) // 1000 AS ${USER_COLUMNS.secondsSinceExposure},
        ${clicks('e.at_ms >= last_ms')} AS ${USER_COLUMNS.clicksSinceExposure}, ${clicks('true')} AS ${USER_COLUMNS.clicks7d}
      FROM a LEFT JOIN last USING (decision_id) LEFT JOIN e ON ${isBefore} GROUP BY a.decision_id, a.decided_at_ms, last_ms
    )
    SELECT a.decision_id, ${columns.map((name) => `a.${name}`).join(', ')}, ${columns.map((name) => `c.${name}`).join(', ')}
    FROM a JOIN computed c USING (decision_id)`;
}

/** How many decisions of a range ended in which state of their history; those from before histories were kept are left out. */
export const historyStatesSql = (decisions: readonly string[], fromMs: number, toMs: number): string =>
  `SELECT history_state, count(*) FROM ${parquetByName(decisions)}
    WHERE ${inRange(fromMs, toMs)} AND history_state IS NOT NULL GROUP BY 1`;

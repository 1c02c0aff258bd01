import type { DuckDBConnection } from '@duckdb/node-api';
import { ShadowCalibrator, shadowMean, type ShadowCalibration, type ShadowPairs } from '#domain/rollout';
import { parquetOf, streamRows } from '../lake/duck-lake';

/** SQL of the rollout's shadow records, and files that hold their decisions and outcomes. */
export interface ShadowSource {
  shadows: string;
  decisions: readonly string[];
  outcomes: readonly string[];
}

/** Users are counted in so many hash buckets: bounded sums, and finer than the canary's 200 because a shadow is short. */
const UNITS = 1000;
/** Bids read at most for the calibration, drawn by hash: standard errors below 0.2 % of a share. */
const MAX_CALIBRATION_BIDS = 100_000;

/** A request's user, or the request itself when it has none. */
const USER = 'coalesce(decided.user_key, decided.request_id)';
const UNIT = `hash(${USER}) % ${UNITS}`;

/** Differences between candidate and champion per decision, summed by user. */
export async function pairedMeans(
  connection: DuckDBConnection,
  { shadows, decisions }: ShadowSource,
): Promise<Pick<ShadowPairs, 'n' | 'users' | 'bidRatio' | 'surplusMicros'>> {
  const none = { n: 0, users: 0, bidRatio: null, surplusMicros: null };
  if (decisions.length === 0) return none;
  const sql = `
    SELECT count(*), count(DISTINCT ${USER}),
      coalesce(sum((bid - champion_bid) / champion_bid) FILTER (champion_bid > 0), 0), count(*) FILTER (champion_bid > 0),
      sum(surplus - champion_surplus)
    FROM (SELECT decision_id, bid_micros::DOUBLE AS bid, champion_bid_micros::DOUBLE AS champion_bid,
        expected_surplus_micros AS surplus, champion_expected_surplus_micros AS champion_surplus
      FROM ${shadows} WHERE error IS NULL) shadow
    JOIN ${parquetOf(decisions)} decided USING (decision_id)
    GROUP BY ${UNIT} ORDER BY ${UNIT}`;
  const units: number[][] = [];
  for await (const row of streamRows(connection, sql)) units.push(row.map(Number));
  const total = (at: number) => units.reduce((sum, unit) => sum + unit[at]!, 0);
  const mean = (numerator: number, denominator: number) =>
    shadowMean(
      units
        .filter((unit) => unit[denominator]! > 0)
        .map((unit) => ({ numerator: unit[numerator]!, denominator: unit[denominator]! })),
    );
  return units.length === 0 ? none : { n: total(0), users: total(1), bidRatio: mean(2, 3), surplusMicros: mean(4, 0) };
}

/** Predicted against observed wins on bids decided before `matureMs`: won = a win or bill; everything else lost. */
export async function calibration(
  connection: DuckDBConnection,
  { shadows, decisions, outcomes }: ShadowSource,
  matureMs: number,
): Promise<ShadowCalibration> {
  const calibrator = new ShadowCalibrator();
  // Without a single notice in the window nothing tells a lost auction from a notice that is on its way.
  if (decisions.length === 0 || outcomes.length === 0) return calibrator.result();
  const sql = `
    WITH noticed AS (SELECT DISTINCT decision_id FROM ${parquetOf(outcomes)} WHERE kind IN ('win', 'bill'))
    SELECT ${UNIT}, shadow.champion_bid_micros, noticed.decision_id IS NOT NULL, shadow.mu, shadow.sigma,
      coalesce(decided.mu, 0), coalesce(decided.sigma, 0)
    FROM ${shadows} shadow JOIN ${parquetOf(decisions)} decided USING (decision_id) LEFT JOIN noticed USING (decision_id)
    WHERE shadow.error IS NULL AND shadow.sigma > 0 AND shadow.champion_bid_micros > 0 AND decided.no_bid_reason IS NULL
      AND decided.auction_type = 1 AND NOT decided.is_test AND decided.decided_at_ms <= ${matureMs}
    ORDER BY md5(decision_id) LIMIT ${MAX_CALIBRATION_BIDS}`;
  for await (const [unit, bid, won, mu, sigma, championMu, championSigma] of streamRows(connection, sql)) {
    calibrator.add({
      unit: Number(unit),
      bidMicros: Number(bid),
      won: won as boolean,
      mu: Number(mu),
      sigma: Number(sigma),
      championMu: Number(championMu),
      championSigma: Number(championSigma),
    });
  }
  return calibrator.result();
}

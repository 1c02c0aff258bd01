/** Length of the feature row that every bid of a window must have (domain/features). */
export const WINDOW_FEATURES = 24;

/** One mature bid of a training window, as it is hashed and stored. */
export interface WindowRow {
  decisionId: string;
  decidedAtMs: number;
  bidMicros: number;
  won: boolean;
  /** Disclosed minimum price to win, CPM micros; null = censored. */
  minToWinMicros: number | null;
  features: number[];
  /** What validation reads: user, click, first notice, propensity of the price. Null where it is not known. */
  userKey: string | null;
  clicked: boolean;
  noticeAtMs: number | null;
  gridMass: number | null;
}

/**
 * The line that a window's content hash is taken over: rows in order of time, then of decision id. Format 1 is that of windows frozen
 * before validation; they keep their hashes.
 */
export function windowRowLine(row: WindowRow, format: 1 | 2): string {
  const { decisionId, decidedAtMs, bidMicros, won, minToWinMicros, features } = row;
  const bid = [decisionId, decidedAtMs, bidMicros, won ? 1 : 0, minToWinMicros, features];
  const { userKey, clicked, noticeAtMs, gridMass } = row;
  return `${JSON.stringify(format === 1 ? bid : [...bid, userKey, clicked ? 1 : 0, noticeAtMs, gridMass])}\n`;
}

const HOUR_MS = 3_600_000;
const HOURS_PER_WEEK = 168;
/** 1970-01-01 was a Thursday: 72 hours after a Monday 00:00. */
const EPOCH_HOUR_OF_WEEK = 72;

/** Hour of the week in UTC, 0 = Monday 00:00. */
export const hourOfWeek = (atMs: number) => (Math.floor(atMs / HOUR_MS) + EPOCH_HOUR_OF_WEEK) % HOURS_PER_WEEK;

/** Requests per hour of week (UTC) from requests per absolute hour; hours without traffic stay 0. */
export function requestsByHourOfWeek(hours: { hourMs: number; requests: number }[]): number[] {
  const counts = Array.from({ length: HOURS_PER_WEEK }, () => 0);
  for (const { hourMs, requests } of hours) counts[hourOfWeek(hourMs)]! += requests;
  return counts;
}

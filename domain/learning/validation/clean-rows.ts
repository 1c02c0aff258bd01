import { isDisclosed } from '../win-likelihood';
import { WIN_NET } from '../win-model';
import { lnPrice } from '../win-row';
import { FILTER_REASONS, type FilterReason } from './data-report';
import { robustSpread } from './robust';
import type { WindowBid } from './window-bid';

/** A winner's price lies at or below its bid, a loser's above; rounding and currency may blur that by so much. */
const PRICE_TOLERANCE = 0.02;
/** ln prices so many robust deviations off are no prices. */
const OUTLIER_DEVIATIONS = 5;
/** A user's mean ln price so many of its deviations off is not chance. */
const FRAUD_DEVIATIONS = 6;
/** Users honestly differ in ln price by about so much: a smaller distance proves nothing, however many rows say so. */
const USER_DEVIATION = 0.15;
const USER_ROWS = 3;
/** Clicks of one user from which on a rate can be judged, and the share of its bids that nobody clicks honestly. */
const FRAUD_CLICKS = 5;
const FRAUD_CLICK_SHARE = 0.3;
const MINUTE_MS = 60_000;
const BURST_MINUTES = 10;
const BURST_SIGMAS = 6;
const BURST_RATIO = 3;
/** One user teaches with at most this many rows, or this share of them. */
const USER_CAP_ROWS = 50;
const USER_CAP_SHARE = 0.02;

export interface CleanedRows {
  rows: WindowBid[];
  filtered: Record<FilterReason, number>;
}

/**
 * The rows that may train, in their order, and how many were left out for which reason. Pure: training and gates clean the same window
 * to the same rows. What the filters cannot see is bounded: no user teaches with more than its cap, no price beyond the outlier bound.
 */
export function cleanRows(rows: readonly WindowBid[]): CleanedRows {
  const filtered = Object.fromEntries(FILTER_REASONS.map((reason) => [reason, 0])) as Record<FilterReason, number>;
  const kept = (from: readonly WindowBid[], reason: FilterReason, isBad: (row: WindowBid) => boolean) => {
    const good = from.filter((row) => !isBad(row));
    filtered[reason] += from.length - good.length;
    return good;
  };
  const seen = new Set<string>();
  let left = kept(rows, 'duplicate', (row) => seen.size === seen.add(row.decisionId).size);
  left = kept(left, 'bad-row', isBadRow);
  left = kept(left, 'contradiction', contradicts);
  left = kept(left, 'price-outlier', priceOutliers(left));
  left = kept(left, 'price-fraud', priceFraud(left));
  left = kept(left, 'click-fraud', clickFraud(left));
  left = kept(left, 'click-burst', clickBursts(left));
  left = kept(left, 'heavy-user', heavyUsers(left));
  return { rows: left, filtered };
}

function isBadRow(row: WindowBid): boolean {
  const { features, bidMicros } = row;
  if (features.length !== WIN_NET.inputs || !(bidMicros > 0) || !Number.isFinite(bidMicros)) return true;
  return !Array.prototype.every.call(features, Number.isFinite);
}

/** The disclosed price says the opposite of the notice: one of the two is forged or broken. */
function contradicts(row: WindowBid): boolean {
  if (!isDisclosed(row)) return false;
  const ratio = row.minToWinMicros! / row.bidMicros;
  return row.won ? ratio > 1 + PRICE_TOLERANCE : ratio < 1 - PRICE_TOLERANCE;
}

function priceOutliers(rows: readonly WindowBid[]): (row: WindowBid) => boolean {
  const { centre, deviation } = robustSpread(rows.filter(isDisclosed).map((row) => lnPrice(row.minToWinMicros!)));
  const reach = OUTLIER_DEVIATIONS * Math.max(deviation, USER_DEVIATION);
  return (row) => isDisclosed(row) && Math.abs(lnPrice(row.minToWinMicros!) - centre) > reach;
}

/** Users whose prices stand apart from the market's by more than chance and honest difference: a slow poison has its source. */
function priceFraud(rows: readonly WindowBid[]): (row: WindowBid) => boolean {
  const disclosed = rows.filter(isDisclosed);
  const { centre, deviation } = robustSpread(disclosed.map((row) => lnPrice(row.minToWinMicros!)));
  const bad = new Set<string>();
  for (const [user, own] of byUser(disclosed)) {
    if (own.length < USER_ROWS) continue;
    const mean = own.reduce((sum, row) => sum + lnPrice(row.minToWinMicros!), 0) / own.length;
    const reach = FRAUD_DEVIATIONS * Math.sqrt(USER_DEVIATION ** 2 + deviation ** 2 / own.length);
    if (Math.abs(mean - centre) > reach) bad.add(user);
  }
  return (row) => row.userKey !== null && bad.has(row.userKey);
}

function clickFraud(rows: readonly WindowBid[]): (row: WindowBid) => boolean {
  const bad = new Set<string>();
  for (const [user, own] of byUser(rows)) {
    const clicks = own.filter((row) => row.clicked).length;
    if (clicks >= FRAUD_CLICKS && clicks > FRAUD_CLICK_SHARE * own.length) bad.add(user);
  }
  return (row) => row.userKey !== null && bad.has(row.userKey);
}

/** Minutes whose click rate stands apart from all others: many users at once, each with a click or two. */
function clickBursts(rows: readonly WindowBid[]): (row: WindowBid) => boolean {
  const minutes = new Map<number, { n: number; clicks: number }>();
  let clicks = 0;
  for (const row of rows) {
    const minute = Math.floor(row.decidedAtMs / MINUTE_MS);
    const sums = minutes.get(minute) ?? { n: 0, clicks: 0 };
    sums.n += 1;
    if (row.clicked) sums.clicks += 1;
    minutes.set(minute, sums);
    if (row.clicked) clicks += 1;
  }
  if (minutes.size < BURST_MINUTES) return () => false;
  const bad = new Set<number>();
  for (const [minute, own] of minutes) {
    // Against the other minutes: a burst must not hide in its own mean.
    const usual = Math.max(1, clicks - own.clicks) / Math.max(1, rows.length - own.n);
    const expected = own.n * usual;
    const isBurst =
      own.clicks > BURST_RATIO * expected && own.clicks - expected > BURST_SIGMAS * Math.sqrt(Math.max(1, expected));
    if (isBurst) bad.add(minute);
  }
  return (row) => bad.has(Math.floor(row.decidedAtMs / MINUTE_MS));
}

/** The rows of a user beyond its cap, in the rows' order. */
function heavyUsers(rows: readonly WindowBid[]): (row: WindowBid) => boolean {
  const cap = Math.max(USER_CAP_ROWS, Math.floor(USER_CAP_SHARE * rows.length));
  const counts = new Map<string, number>();
  return ({ userKey }) => {
    if (userKey === null) return false;
    const count = (counts.get(userKey) ?? 0) + 1;
    counts.set(userKey, count);
    return count > cap;
  };
}

function byUser(rows: readonly WindowBid[]): Map<string, WindowBid[]> {
  const users = new Map<string, WindowBid[]>();
  for (const row of rows) {
    if (row.userKey === null) continue;
    const own = users.get(row.userKey);
    if (own === undefined) users.set(row.userKey, [row]);
    else own.push(row);
  }
  return users;
}

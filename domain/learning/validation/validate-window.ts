import { DEFAULT_WIN_HYPER } from '../win-hyper';
import { lnPrice } from '../win-row';
import { cleanRows, type CleanedRows } from './clean-rows';
import type { DataFaultCode, DataFinding, DataReport } from './data-report';
import { featureKnowledge } from './leakage';
import type { WindowBid, WindowProfile } from './window-bid';

/** Where each measure blocks; shares are of the window's rows. */
export const DATA_BOUNDS = {
  brokenShare: 0.01,
  duplicateShare: 0.1,
  missingShare: 0.1,
  lateShare: 0.1,
  timeTravelShare: 0.01,
  contradictionShare: 0.1,
  suspectShare: 0.2,
  /** One feature may explain so much of the label's entropy, and of the disclosed price's variance. */
  leakOfWin: 0.5,
  leakOfPrice: 0.9,
  /** The newest row may be older than the window's end by so much of its length. */
  staleShare: 0.25,
  /** Wins per bid in the last tenth against before: a fall below this ratio is labels still under way. */
  tailWinRatio: 0.5,
  /** Levels of ln price (0.1 wide, 5 rows each) at which was bid. */
  priceLevels: 4,
  propensityMissingShare: 0.1,
  /** Effective sample of inverse-propensity weights, share of rows (agents.md, off-policy evaluation). */
  overlapShare: 0.01,
} as const;

/** Shares above this are written down even where they do not block. */
const WARN_SHARE = 0.01;
const STALE_SLACK_MS = 600_000;
/** Clocks of exchange and edge may differ by so much. */
const CLOCK_SKEW_MS = 1000;
const TAIL_SIGMAS = 5;
const LEVEL_WIDTH = 0.1;
const LEVEL_ROWS = 5;
/** Weights are clipped here: K/ε of the price grid is about 1,000 (agents.md). */
const MAX_WEIGHT = 1000;
/** Words in a feature's name that only an outcome can fill. */
const OUTCOME_WORDS = /won|isWin|minToWin|clearing|billed|paid|clicked|converted|outcome|label/i;

/**
 * Cleans a window and judges what is left: schema, volume, freshness, maturity of labels, leakage, support, duplicates, poison. Every
 * fault is reported, not the first one only; a report that blocks says why in stable codes.
 */
export function validateWindow(
  rows: readonly WindowBid[],
  profile: WindowProfile,
  minRows: number = DEFAULT_WIN_HYPER.minRows,
): DataReport {
  const cleaned = cleanRows(rows);
  const findings = [
    ...volume(rows.length, cleaned, minRows),
    ...shares(rows, cleaned, profile),
    ...time(cleaned.rows, profile),
    ...leakage(cleaned.rows, profile.featureNames),
    ...support(cleaned.rows),
  ];
  findings.sort((a, b) => Number(a.severity === 'warn') - Number(b.severity === 'warn'));
  return {
    verdict: findings.some((finding) => finding.severity === 'block') ? 'block' : 'pass',
    rowsIn: rows.length,
    rowsKept: cleaned.rows.length,
    wins: cleaned.rows.filter((row) => row.won).length,
    filtered: cleaned.filtered,
    findings,
  };
}

const finding = (code: DataFaultCode, value: number, bound: number, detail: string): DataFinding => ({
  code,
  severity: 'block',
  value,
  bound,
  detail,
});

function volume(rowsIn: number, { rows }: CleanedRows, minRows: number): DataFinding[] {
  if (rowsIn === 0) return [finding('EMPTY_WINDOW', 0, 1, 'the window holds no bids')];
  const found: DataFinding[] = [];
  if (rows.length < minRows) {
    found.push(finding('TOO_FEW_ROWS', rows.length, minRows, `${rows.length} usable bids, training needs ${minRows}`));
  }
  const wins = rows.filter((row) => row.won).length;
  if (wins === 0 || wins === rows.length) {
    const all = `all ${rows.length} usable bids were ${wins === 0 ? 'lost' : 'won'}: no price can be told`;
    found.push(finding('ONE_CLASS', wins, 1, all));
  }
  return found;
}

/** Shares of rows with something wrong: above the bound they block, above one percent they are written down. */
function shares(rows: readonly WindowBid[], { filtered }: CleanedRows, profile: WindowProfile): DataFinding[] {
  const { seen, unusable, expected, maturityMs } = profile;
  const noticed = rows.filter((row) => row.noticeAtMs !== null);
  const late = noticed.filter((row) => row.noticeAtMs! - row.decidedAtMs > maturityMs).length;
  const early = noticed.filter((row) => row.noticeAtMs! < row.decidedAtMs - CLOCK_SKEW_MS).length;
  const suspects =
    filtered['price-outlier'] +
    filtered['price-fraud'] +
    filtered['click-fraud'] +
    filtered['click-burst'] +
    filtered['heavy-user'];
  const measured: [DataFaultCode, number, number, number, string][] = [
    [
      'SCHEMA_BROKEN',
      unusable + filtered['bad-row'],
      Math.max(seen, rows.length),
      DATA_BOUNDS.brokenShare,
      'bids have no usable feature row or price',
    ],
    ['DUPLICATE_ROWS', filtered.duplicate, rows.length, DATA_BOUNDS.duplicateShare, 'rows repeat a decision'],
    [
      'ROWS_MISSING',
      Math.max(0, expected - seen),
      expected,
      DATA_BOUNDS.missingShare,
      'ingested bids are not in the lake',
    ],
    [
      'LABELS_LATE',
      late,
      noticed.length,
      DATA_BOUNDS.lateShare,
      `notices came later than the ${maturityMs / 1000} s a label gets`,
    ],
    ['TIME_TRAVEL', early, noticed.length, DATA_BOUNDS.timeTravelShare, 'notices are older than their decision'],
    [
      'CONTRADICTING_LABELS',
      filtered.contradiction,
      rows.length,
      DATA_BOUNDS.contradictionShare,
      'disclosed prices contradict their notice',
    ],
    [
      'POISON_SUSPECTED',
      suspects,
      rows.length,
      DATA_BOUNDS.suspectShare,
      'rows come from fraudulent users, bursts or impossible prices',
    ],
  ];
  return measured.flatMap(([code, count, of, bound, what]) => {
    const share = count / Math.max(1, of);
    if (share <= bound && share < WARN_SHARE) return [];
    const detail = `${count} of ${of} ${what} (${(share * 100).toFixed(1)} %)`;
    return [{ code, severity: share > bound ? ('block' as const) : ('warn' as const), value: share, bound, detail }];
  });
}

function time(rows: readonly WindowBid[], profile: WindowProfile): DataFinding[] {
  if (rows.length === 0) return [];
  const { fromMs, toMs, frozenAtMs, maturityMs } = profile;
  const found: DataFinding[] = [];
  let newestMs = -Infinity;
  let outside = 0;
  for (const { decidedAtMs } of rows) {
    newestMs = Math.max(newestMs, decidedAtMs);
    if (decidedAtMs < fromMs || decidedAtMs >= toMs) outside += 1;
  }
  if (outside > 0) found.push(finding('TIME_TRAVEL', outside, 0, `${outside} bids were decided outside the window`));
  const staleMs = Math.max(STALE_SLACK_MS, DATA_BOUNDS.staleShare * (toMs - fromMs));
  if (toMs - newestMs > staleMs) {
    const minutes = Math.round((toMs - newestMs) / 60_000);
    found.push(
      finding(
        'STALE_WINDOW',
        toMs - newestMs,
        staleMs,
        `the newest bid is ${minutes} minutes older than the window's end`,
      ),
    );
  }
  if (newestMs > frozenAtMs - maturityMs) {
    const detail = `bids younger than ${maturityMs / 1000} s at the freeze have no label yet`;
    found.push(finding('LABELS_IMMATURE', newestMs, frozenAtMs - maturityMs, detail));
  } else found.push(...tailOfLabels(rows, fromMs, toMs));
  return found;
}

/** Labels that are still under way look like a sudden fall of the win rate in the last tenth of the window. */
function tailOfLabels(rows: readonly WindowBid[], fromMs: number, toMs: number): DataFinding[] {
  const tailMs = toMs - (toMs - fromMs) / 10;
  const tail = rows.filter((row) => row.decidedAtMs >= tailMs);
  const body = rows.length - tail.length;
  const tailWins = tail.filter((row) => row.won).length;
  const bodyWins = rows.filter((row) => row.won).length - tailWins;
  if (tail.length === 0 || body === 0 || bodyWins === 0) return [];
  const [before, after] = [bodyWins / body, tailWins / tail.length];
  const pooled = (bodyWins + tailWins) / rows.length;
  const z = (before - after) / Math.sqrt(pooled * (1 - pooled) * (1 / body + 1 / tail.length));
  const ratio = after / before;
  if (ratio >= DATA_BOUNDS.tailWinRatio || !(z > TAIL_SIGMAS)) return [];
  const detail = `wins per bid fall from ${before.toFixed(3)} to ${after.toFixed(3)} in the last tenth: notices are under way`;
  return [finding('LABELS_IMMATURE', ratio, DATA_BOUNDS.tailWinRatio, detail)];
}

function leakage(rows: readonly WindowBid[], names: readonly string[]): DataFinding[] {
  const found = names
    .filter((name) => OUTCOME_WORDS.test(name))
    .map((name) => finding('LABEL_COLUMN', 1, 0, `feature ${name} is named after an outcome`));
  for (const { feature, ofWin, ofPrice } of featureKnowledge(rows, names.length)) {
    const name = names[feature];
    if (ofWin > DATA_BOUNDS.leakOfWin) {
      const detail = `feature ${name} alone explains ${(ofWin * 100).toFixed(0)} % of who won`;
      found.push(finding('LEAKING_FEATURE', ofWin, DATA_BOUNDS.leakOfWin, detail));
    } else if (ofPrice > DATA_BOUNDS.leakOfPrice) {
      const detail = `feature ${name} alone explains ${(ofPrice * 100).toFixed(0)} % of the disclosed price`;
      found.push(finding('LEAKING_FEATURE', ofPrice, DATA_BOUNDS.leakOfPrice, detail));
    }
  }
  return found;
}

/** A price law needs bids at several levels. Missing exploration hurts off-policy estimates, not this likelihood: it warns. */
function support(rows: readonly WindowBid[]): DataFinding[] {
  if (rows.length === 0) return [];
  const levels = new Map<number, number>();
  for (const row of rows) {
    const level = Math.floor(lnPrice(row.bidMicros) / LEVEL_WIDTH);
    levels.set(level, (levels.get(level) ?? 0) + 1);
  }
  const covered = [...levels.values()].filter((count) => count >= LEVEL_ROWS).length;
  const found: DataFinding[] = [];
  if (covered < DATA_BOUNDS.priceLevels) {
    const detail = `bids cover ${covered} price levels, a law needs ${DATA_BOUNDS.priceLevels}`;
    found.push(finding('NO_SUPPORT', covered, DATA_BOUNDS.priceLevels, detail));
  }
  const masses = rows.flatMap(({ gridMass }) => (gridMass !== null && gridMass > 0 ? [gridMass] : []));
  const missing = 1 - masses.length / rows.length;
  if (missing > DATA_BOUNDS.propensityMissingShare) {
    const detail = `${(missing * 100).toFixed(1)} % of the bids have no propensity`;
    found.push(finding('PROPENSITY_MISSING', missing, DATA_BOUNDS.propensityMissingShare, detail));
    return found;
  }
  const weights = masses.map((mass) => Math.min(MAX_WEIGHT, 1 / mass));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const overlap = sum ** 2 / (weights.length * weights.reduce((total, weight) => total + weight * weight, 0));
  const warn = (code: DataFaultCode, value: number, bound: number, detail: string) =>
    found.push({ ...finding(code, value, bound, detail), severity: 'warn' });
  if (overlap < DATA_BOUNDS.overlapShare) {
    warn(
      'PROPENSITY_OVERLAP',
      overlap,
      DATA_BOUNDS.overlapShare,
      `effective sample ${(overlap * 100).toFixed(2)} % of the bids`,
    );
  }
  if (masses.every((mass) => mass >= 1))
    warn('NO_EXPLORATION', 0, 1, 'no bid was drawn: off-policy estimates will refuse');
  return found;
}

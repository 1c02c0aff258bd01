import type { FxTable } from '../contracts/exchange';
import {
  INVOICE_STATUSES,
  type InvoiceExplanation,
  type InvoiceNote,
  type InvoiceReport,
  type InvoiceResult,
  type InvoiceStatus,
} from '../contracts/invoice-report';
import { divideHalfEven } from '../money';
import { PPB, ratePpbOf, toBaseNanos } from './invoice-rate';
import type { InvoiceLine } from './read-invoice';

/** Notices of one kind: how many, what they cost us, and a few of them. */
export interface BookedNote {
  code: InvoiceNote;
  count: number;
  nanos: bigint;
  decisionIds: string[];
}

/** What our books say of one campaign or seat on one day; nanos of the fleet's currency. */
export interface BookedSums {
  impressions: number;
  spendNanos: bigint;
  /** Impressions whose bid is still at hand, the sum of those bids, and what they cleared at. */
  bids: number;
  bidNanos: bigint;
  clearedNanos: bigint;
  notes: BookedNote[];
}

export interface CompareOptions {
  fx: FxTable;
  /** Hundredths of a per cent. */
  toleranceBps: number;
}

type Comparison = Pick<InvoiceReport, 'results' | 'total' | 'isMatched'>;

const BPS = 10_000n;
/** Notices that an exchange charges for and we do not, or not on this day. */
const THEIRS: ReadonlySet<InvoiceNote> = new Set(['win-without-bill', 'heard-next-day', 'test-bill']);

/**
 * Sets an invoice beside the books, by campaign or seat. Differences within the tolerance, of counts as of spend, are none.
 * Throws RangeError on a currency without a rate: the caller has checked them.
 */
export function compareInvoice(
  lines: readonly InvoiceLine[],
  books: ReadonlyMap<string, BookedSums>,
  options: CompareOptions,
): Comparison {
  const invoiced = new Map<string, InvoiceLine[]>();
  for (const line of lines) {
    const known = invoiced.get(line.scopeId);
    if (known) known.push(line);
    else invoiced.set(line.scopeId, [line]);
  }
  const scopeIds = [...new Set([...invoiced.keys(), ...books.keys()])].sort();
  const results = scopeIds.flatMap((scopeId) => {
    const sums = books.get(scopeId);
    const own = invoiced.get(scopeId);
    // Campaigns with notes alone (a win that nobody billed) are of interest when the invoice has them, too.
    if (own === undefined && (sums === undefined || sums.impressions === 0)) return [];
    return [compareOne(scopeId, own ?? [], sums, options)];
  });
  return { results, total: totalOf(results), isMatched: results.every(({ status }) => status === 'matched') };
}

function compareOne(
  scopeId: string,
  own: readonly InvoiceLine[],
  sums: BookedSums | undefined,
  options: CompareOptions,
): InvoiceResult {
  const lines = own.map((line) => ({
    line,
    nanos: toBaseNanos(line.currencyNanos, rateFor(options.fx, line.currency)),
  }));
  const theirs = {
    impressions: own.reduce((sum, line) => sum + line.impressions, 0),
    spendNanos: lines.reduce((sum, { nanos }) => sum + nanos, 0n),
  };
  const ours = { impressions: sums?.impressions ?? 0, spendNanos: sums?.spendNanos ?? 0n };
  const more = theirs.impressions - ours.impressions;
  const moreNanos = theirs.spendNanos - ours.spendNanos;
  const status = statusOf(own.length > 0, theirs, ours, BigInt(options.toleranceBps));
  const implied = status === 'price-difference' ? impliedRate(own, ours.spendNanos, options.fx) : null;
  const late = sums?.notes.find(({ code }) => code === 'late-bill');
  return {
    scopeId,
    status,
    invoiced:
      own.length === 0
        ? null
        : {
            impressions: theirs.impressions,
            spendNanos: theirs.spendNanos.toString(),
            lines: lines.map(({ line: { currency, impressions, currencyNanos }, nanos }) => ({
              ...{ currency, impressions, currencyNanos: currencyNanos.toString(), spendNanos: nanos.toString() },
            })),
          },
    booked:
      sums === undefined
        ? null
        : {
            ...{ impressions: sums.impressions, spendNanos: sums.spendNanos.toString() },
            ...{ bids: sums.bids, bidNanos: sums.bidNanos.toString(), clearedNanos: sums.clearedNanos.toString() },
            ...{ lateBills: late?.count ?? 0, lateNanos: (late?.nanos ?? 0n).toString() },
          },
    difference: { impressions: more, spendNanos: moreNanos.toString() },
    explanations: status === 'matched' ? [] : explain(sums, theirs, more, moreNanos, implied),
    impliedRatePpb: implied?.toString() ?? null,
  };
}

interface Side {
  impressions: number;
  spendNanos: bigint;
}

function statusOf(isInvoiced: boolean, theirs: Side, ours: Side, toleranceBps: bigint): InvoiceStatus {
  if (!isInvoiced) return 'missing';
  if (ours.impressions === 0 && ours.spendNanos === 0n)
    return theirs.impressions === 0 && theirs.spendNanos === 0n ? 'matched' : 'extra';
  if (!isNear(BigInt(theirs.impressions), BigInt(ours.impressions), toleranceBps)) return 'count-difference';
  return isNear(theirs.spendNanos, ours.spendNanos, toleranceBps) ? 'matched' : 'price-difference';
}

function isNear(a: bigint, b: bigint, toleranceBps: bigint): boolean {
  const apart = a > b ? a - b : b - a;
  return apart * BPS <= toleranceBps * (a > b ? a : b);
}

/** Notices that point the same way as the difference, and what the figures themselves say. */
function explain(
  sums: BookedSums | undefined,
  theirs: Side,
  more: number,
  moreNanos: bigint,
  rate: bigint | null,
): InvoiceExplanation[] {
  const isTheirs = more !== 0 ? more > 0 : moreNanos > 0n;
  const found: InvoiceExplanation[] = (sums?.notes ?? [])
    .filter(({ code, count }) => count > 0 && THEIRS.has(code) === isTheirs)
    .map(({ code, count, nanos, decisionIds }) => ({ code, count, nanos: nanos.toString(), decisionIds }));
  // Only where every impression's bid is at hand can more than the bids be told from bids that are forgotten.
  const isAbove = sums !== undefined && sums.bids >= theirs.impressions && theirs.spendNanos > sums.bidNanos;
  if (isAbove && sums.bids > 0)
    found.push({
      ...PLAIN,
      code: 'above-our-bids',
      count: theirs.impressions,
      nanos: (theirs.spendNanos - sums.bidNanos).toString(),
    });
  if (rate !== null)
    found.push({ ...PLAIN, code: 'other-rate', count: theirs.impressions, nanos: moreNanos.toString() });
  return found;
}

const PLAIN = { decisionIds: [] };

/** The rate at which a bill in one foreign currency would be ours; null where it is in several or in our own. */
function impliedRate(own: readonly InvoiceLine[], bookedNanos: bigint, fx: FxTable): bigint | null {
  const [line, ...others] = own;
  if (line === undefined || others.length > 0 || bookedNanos === 0n || line.currency === fx.base) return null;
  return divideHalfEven(line.currencyNanos * PPB, bookedNanos);
}

function rateFor(fx: FxTable, currency: string): bigint {
  const rate = ratePpbOf(fx, currency);
  if (rate === null) throw new RangeError(`no exchange rate for ${currency}`);
  return rate;
}

function totalOf(results: readonly InvoiceResult[]): Comparison['total'] {
  const statuses = Object.fromEntries(INVOICE_STATUSES.map((status) => [status, 0])) as Record<InvoiceStatus, number>;
  const sums = { theirs: 0, theirNanos: 0n, ours: 0, ourNanos: 0n };
  for (const { status, invoiced, booked } of results) {
    statuses[status] += 1;
    sums.theirs += invoiced?.impressions ?? 0;
    sums.theirNanos += BigInt(invoiced?.spendNanos ?? 0);
    sums.ours += booked?.impressions ?? 0;
    sums.ourNanos += BigInt(booked?.spendNanos ?? 0);
  }
  return {
    invoiced: { impressions: sums.theirs, spendNanos: sums.theirNanos.toString() },
    booked: { impressions: sums.ours, spendNanos: sums.ourNanos.toString() },
    difference: { impressions: sums.theirs - sums.ours, spendNanos: (sums.theirNanos - sums.ourNanos).toString() },
    statuses,
  };
}

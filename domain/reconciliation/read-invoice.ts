import type { InvoiceScope } from '../contracts/invoice-report';

/** One line of an invoice, for one day. */
export interface InvoiceLine {
  /** Campaign or seat. */
  scopeId: string;
  currency: string;
  impressions: number;
  /** Nanos of `currency`. */
  currencyNanos: bigint;
}

/** What is wrong with an invoice, where: `/invoice/LINE/COLUMN`, lines counted as a text editor counts rows, from 1. */
export interface InvoiceFault {
  pointer: string;
  code:
    | ('no-lines' | 'too-many-lines' | 'missing-column' | 'not-a-day' | 'empty' | 'too-long')
    | ('not-a-currency' | 'not-a-count' | 'not-an-amount' | 'repeated-line');
  detail: string;
}

export interface ReadInvoice {
  scope: InvoiceScope;
  lines: InvoiceLine[];
  /** Lines of other days: left out. */
  otherDays: number;
}

const MAX_LINES = 50_000;
/** One fault a line is enough, and nobody reads more than these. */
const MAX_FAULTS = 50;
const COLUMNS = ['day', 'currency', 'impressions', 'spend'] as const;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const AMOUNT = /^(\d{1,12})(?:\.(\d{1,9}))?$/;
/** Whole numbers whose sums over all lines are exact. */
const COUNT = /^\d{1,10}$/;
const MAX_ID_CHARS = 128;

type Places = Record<(typeof COLUMNS)[number] | 'scopeId', number>;

/**
 * Reads the rows of an invoice, the header first: columns `day`, `currency`, `impressions`, `spend` and `campaign` or `seat`, in any
 * order and case; others are left alone. Campaigns win where both are there: they say more.
 */
export function readInvoice(
  rows: readonly (readonly string[])[],
  day: string,
): { ok: true; invoice: ReadInvoice } | { ok: false; faults: InvoiceFault[] } {
  const header = (rows[0] ?? []).map((name) => name.trim().toLowerCase());
  const scope: InvoiceScope = header.includes('campaign') ? 'campaign' : 'seat';
  const absent = [...COLUMNS, scope].filter((name) => !header.includes(name));
  if (absent.length > 0) return { ok: false, faults: absent.map((name) => missingColumn(name)) };
  if (rows.length > MAX_LINES + 1)
    return { ok: false, faults: [fault('/invoice', 'too-many-lines', `at most ${MAX_LINES} lines are read`)] };
  const at: Places = {
    ...(Object.fromEntries(COLUMNS.map((name) => [name, header.indexOf(name)])) as Omit<Places, 'scopeId'>),
    scopeId: header.indexOf(scope),
  };
  const invoice: ReadInvoice = { scope, lines: [], otherDays: 0 };
  const faults: InvoiceFault[] = [];
  const seen = new Set<string>();
  for (let n = 1; n < rows.length && faults.length < MAX_FAULTS; n += 1) {
    const line = readLine(rows[n] ?? [], at, day, `/invoice/${n + 1}`, scope);
    if (line === 'other-day') invoice.otherDays += 1;
    else if ('code' in line) faults.push(line);
    else if (seen.size === seen.add(`${line.scopeId}\u001f${line.currency}`).size)
      faults.push(fault(`/invoice/${n + 1}`, 'repeated-line', `${line.scopeId} in ${line.currency} stands twice`));
    else invoice.lines.push(line);
  }
  if (faults.length === 0 && invoice.lines.length === 0)
    faults.push(fault('/invoice', 'no-lines', `holds no line of ${day}`));
  return faults.length > 0 ? { ok: false, faults } : { ok: true, invoice };
}

function readLine(
  row: readonly string[],
  at: Places,
  day: string,
  pointer: string,
  scope: InvoiceScope,
): InvoiceLine | InvoiceFault | 'other-day' {
  const of = (name: keyof Places): string => (row[at[name]] ?? '').trim();
  if (!DAY.test(of('day'))) return fault(`${pointer}/day`, 'not-a-day', 'must be YYYY-MM-DD');
  if (of('day') !== day) return 'other-day';
  const scopeId = of('scopeId');
  if (scopeId === '') return fault(`${pointer}/${scope}`, 'empty', 'says nothing');
  if (scopeId.length > MAX_ID_CHARS)
    return fault(`${pointer}/${scope}`, 'too-long', `more than ${MAX_ID_CHARS} characters`);
  const currency = of('currency').toUpperCase();
  if (!/^[A-Z]{3}$/.test(currency)) return fault(`${pointer}/currency`, 'not-a-currency', 'must be an ISO 4217 code');
  if (!COUNT.test(of('impressions'))) return fault(`${pointer}/impressions`, 'not-a-count', 'must be a whole number');
  const currencyNanos = nanosOf(of('spend'));
  if (currencyNanos === null)
    return fault(`${pointer}/spend`, 'not-an-amount', 'must be a plain decimal of at most nine places, without a sign');
  return { scopeId, currency, impressions: Number(of('impressions')), currencyNanos };
}

/** A plain decimal as nanos, exactly; null for anything else. */
function nanosOf(text: string): bigint | null {
  const parts = AMOUNT.exec(text);
  if (parts === null) return null;
  return BigInt(parts[1] ?? '') * 1_000_000_000n + BigInt((parts[2] ?? '').padEnd(9, '0'));
}

const missingColumn = (name: string): InvoiceFault =>
  fault(`/invoice/1/${name}`, 'missing-column', name === 'seat' ? 'a column campaign or seat' : `a column ${name}`);

const fault = (pointer: string, code: InvoiceFault['code'], detail: string): InvoiceFault => ({
  pointer,
  code,
  detail,
});

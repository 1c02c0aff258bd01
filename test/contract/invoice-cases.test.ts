import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InvoiceResult } from '#domain/contracts';
import { compareInvoice, readInvoice, type BookedNote, type BookedSums } from '#domain/reconciliation';
import { csvRows } from '../../apps/control-plane/src/invoices/csv-rows';
import type { ProblemError } from '../../apps/control-plane/src/problems/problem-error';

type Text<T> = { [K in keyof T]: T[K] extends bigint ? string : T[K] };
type GoldenSums = Omit<Text<BookedSums>, 'notes'> & { notes: Text<BookedNote>[] };

/** One file = one invoice for 2026-11-28 beside our books. */
interface GoldenCase {
  description: string;
  invoice: string;
  toleranceBps?: number;
  books?: Record<string, GoldenSums>;
  isMatched?: boolean;
  scope?: string;
  otherDays?: number;
  results?: Partial<InvoiceResult>[];
  total?: object;
  /** Of an invoice that is not read: pointers and codes. */
  faults?: [string, string][];
}

const FOLDER = join(__dirname, 'invoices');
const DAY = '2026-11-28';
const fx = { base: 'USD', asOfMs: 0, rates: { EUR: 0.86 } };

const casesIn = (folder: string): [string, GoldenCase][] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const golden = JSON.parse(readFileSync(join(folder, file), 'utf8')) as GoldenCase;
      return [`${file}: ${golden.description}`, golden];
    });

const sumsOf = ({ notes, ...sums }: GoldenSums): BookedSums => ({
  ...sums,
  spendNanos: BigInt(sums.spendNanos),
  bidNanos: BigInt(sums.bidNanos),
  clearedNanos: BigInt(sums.clearedNanos),
  notes: notes.map((note) => ({ ...note, nanos: BigInt(note.nanos) })),
});

describe('invoices', () => {
  it.each(casesIn(FOLDER))('%s', (_name, golden) => {
    const read = readInvoice(csvRows(golden.invoice), DAY);
    if (!read.ok) throw new Error(JSON.stringify(read.faults));
    expect(read.invoice).toMatchObject({ scope: golden.scope ?? 'campaign', otherDays: golden.otherDays ?? 0 });
    const books = new Map(Object.entries(golden.books ?? {}).map(([id, sums]) => [id, sumsOf(sums)]));
    const { toleranceBps = 100 } = golden;
    const compared = compareInvoice(read.invoice.lines, books, { fx, toleranceBps });
    expect(compared.isMatched).toBe(golden.isMatched);
    expect(compared.results).toHaveLength(golden.results?.length ?? 0);
    expect(compared.results).toMatchObject(golden.results ?? []);
    expect(compared.total).toMatchObject(golden.total ?? {});
    const { invoiced, booked, difference } = compared.total;
    expect(BigInt(invoiced.spendNanos) - BigInt(booked.spendNanos)).toBe(BigInt(difference.spendNanos));
  });

  it.each(casesIn(join(FOLDER, 'not-read')))('not read, %s', (_name, golden) => {
    let faults: { pointer: string; code: string }[];
    try {
      const read = readInvoice(csvRows(golden.invoice), DAY);
      faults = read.ok ? [] : read.faults;
    } catch (error) {
      faults = [...((error as ProblemError).faults ?? [])];
    }
    expect(faults.map(({ pointer, code }) => [pointer, code])).toEqual(golden.faults);
  });
});

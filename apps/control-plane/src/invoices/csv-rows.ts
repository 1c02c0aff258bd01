import { CsvError, parse } from 'csv-parse/sync';
import { ProblemError } from '../problems/problem-error';

/**
 * Rows of a CSV text (RFC 4180: quotes, commas and line breaks in fields; a byte order mark is left out), the header first.
 * @throws ProblemError `invalid-invoice` when it is no CSV.
 */
export function csvRows(text: string): string[][] {
  try {
    return parse(text, { bom: true, skip_empty_lines: true, relax_column_count: true, max_record_size: 16_384 });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const detail = error.message.slice(0, 200);
    throw new ProblemError('invalid-invoice', `The invoice is no CSV: ${detail}.`, [
      { pointer: '/invoice', code: 'not-csv', detail },
    ]);
  }
}

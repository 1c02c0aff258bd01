import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { EvaluateFault } from './evaluate-fault';

/** A CSV file without quoting, read whole: header and rows of cells. */
export interface CsvTable {
  /** File name for messages. */
  file: string;
  header: string[];
  rows: string[][];
}

/** The first of the given paths that exists, or null. */
export const firstExisting = (paths: readonly string[]): string | null =>
  paths.find((path) => existsSync(path)) ?? null;

/**
 * Reads a `.csv` or `.csv.gz` file.
 * @throws EvaluateFault FILE_UNREADABLE, EMPTY_LOG, or BAD_ROW where a row has another number of cells than the header
 */
export function readCsv(path: string): CsvTable {
  const file = basename(path);
  const lines = contentOf(path, file).split(/\r?\n/);
  while (lines.length > 0 && lines[lines.length - 1] === '') lines.pop();
  if (lines.length < 2)
    throw new EvaluateFault(
      'EMPTY_LOG',
      2,
      `${file} has no rows`,
      `${lines.length} line(s), header included`,
      'check the file',
    );
  const header = lines[0]!.split(',');
  const rows = lines.slice(1).map((line, index) => {
    const cells = line.split(',');
    if (cells.length === header.length) return cells;
    throw new EvaluateFault(
      'BAD_ROW',
      2,
      `${file} line ${index + 2} is malformed`,
      `${cells.length} cells, the header has ${header.length}`,
      'repair the line or cut the file before it',
    );
  });
  return { file, header, rows };
}

function contentOf(path: string, file: string): string {
  try {
    const bytes = readFileSync(path);
    return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new EvaluateFault('FILE_UNREADABLE', 2, `cannot read ${file}`, why, 'copy the file again');
  }
}

/** Index of a column. @throws EvaluateFault MISSING_COLUMN naming the file and what it has */
export function columnIndex(table: CsvTable, name: string): number {
  const index = table.header.indexOf(name);
  if (index >= 0) return index;
  const has = table.header.slice(0, 8).join(', ');
  throw new EvaluateFault(
    'MISSING_COLUMN',
    2,
    `${table.file} has no column ${name}`,
    `its columns begin ${has}`,
    'use a file of the Open Bandit format',
  );
}

/** A numeric cell in [low, high]. @throws EvaluateFault BAD_NUMBER with line, column and value; empty cells are no zeros */
export function numberAt(
  table: CsvTable,
  row: number,
  column: number,
  low: number,
  high: number,
  whole = false,
): number {
  const text = table.rows[row]![column]!.trim();
  const value = text === '' ? NaN : Number(text);
  if (Number.isFinite(value) && value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
  throw new EvaluateFault(
    'BAD_NUMBER',
    2,
    `${table.file} line ${row + 2}: ${table.header[column]} is ${JSON.stringify(text)}`,
    `expected a ${whole ? 'whole ' : ''}number from ${low} to ${high}`,
    'repair the cell or cut the file before it',
  );
}

/** How results are printed; `json` and `ndjson` are stable, `table` is for people. */
export type OutputFormat = 'table' | 'json' | 'ndjson';

type Row = Record<string, unknown>;

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'object') return JSON.stringify(value);
  return typeof value === 'string' ? value : String(value as number | boolean);
};

/** Prints rows as an aligned table with the given columns, or as JSON. */
export function printRows(rows: Row[], columns: string[], format: OutputFormat): void {
  if (format === 'json') return console.log(JSON.stringify(rows, null, 2));
  if (format === 'ndjson') return rows.forEach((row) => console.log(JSON.stringify(row)));
  if (rows.length === 0) return console.log('(none)');
  const lines = [columns, ...rows.map((row) => columns.map((column) => cell(row[column])))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  for (const line of lines)
    console.log(
      line
        .map((text, i) => text.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    );
}

/** Prints one object: aligned `name  value` lines, or JSON. */
export function printObject(value: Row, format: OutputFormat): void {
  if (format !== 'table') return console.log(JSON.stringify(value, null, format === 'json' ? 2 : undefined));
  const width = Math.max(0, ...Object.keys(value).map((name) => name.length));
  for (const [name, member] of Object.entries(value)) console.log(`${name.padEnd(width)}  ${cell(member)}`);
}

/** Money for people: micros to units with a currency. */
export const formatMicros = (micros: number, currency = 'USD'): string => `${(micros / 1e6).toFixed(2)} ${currency}`;

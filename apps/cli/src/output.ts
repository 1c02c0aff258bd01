/** How results are printed; `json` and `ndjson` are stable, `table` is for people. */
export type OutputFormat = 'table' | 'json' | 'ndjson';

type Row = Record<string, unknown>;

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ');
  if (typeof value === 'object') return flat(value);
  return typeof value === 'string' ? value : String(value as number | boolean);
};

/** An object on one line: `USD 10.74, EUR 3`. */
const flat = (value: object): string =>
  Object.entries(value)
    .map(([name, member]) => `${name} ${cell(member)}`)
    .join(', ');

const isTable = (value: unknown): value is Row[] =>
  Array.isArray(value) && value.length > 0 && value.every((row) => typeof row === 'object' && row !== null);

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

/** Prints one object: aligned `name  value` lines, then each list of rows as a table of its own; or JSON. */
export function printObject(value: Row, format: OutputFormat): void {
  if (format !== 'table') return console.log(JSON.stringify(value, null, format === 'json' ? 2 : undefined));
  const members = Object.entries(value);
  const lines = members.filter(([, member]) => !isTable(member));
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  for (const [name, member] of lines) console.log(`${name.padEnd(width)}  ${cell(member)}`);
  for (const [name, member] of members) {
    if (!isTable(member)) continue;
    console.log(`\n${name}`);
    printRows(member, Object.keys(member[0]), format);
  }
}

/** Money for people: micros to units with a currency. */
export const formatMicros = (micros: number, currency = 'USD'): string => `${(micros / 1e6).toFixed(2)} ${currency}`;

/** A length of time for people, in the unit that fits: `90 s`, `12 min`, `2.2 h`, `3.0 days`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} days`;
}

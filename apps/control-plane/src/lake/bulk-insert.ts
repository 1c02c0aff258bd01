import type { EntityManager } from 'typeorm';

/** Postgres types that bulk columns use. */
export type ColumnType = 'text' | 'bigint' | 'integer' | 'smallint' | 'boolean' | 'double precision';

/** One column of a bulk insert: its type and where a row's value comes from. */
export interface BulkColumn<R> {
  type: ColumnType;
  of: (row: R) => string | number | boolean | null;
}
export type BulkColumns<R> = Record<string, BulkColumn<R>>;

/**
 * Inserts all rows in one statement, one array parameter per column, however many rows there are. `tail` is what follows the
 * rows (ON CONFLICT …, RETURNING …). Answers the returned rows. No rows = no statement.
 */
export async function insertRows<R, T = unknown>(
  manager: EntityManager,
  table: string,
  columns: BulkColumns<R>,
  rows: readonly R[],
  tail: string,
): Promise<T[]> {
  if (rows.length === 0) return [];
  const names = Object.keys(columns);
  const arrays = names.map((name, at) => `$${at + 1}::${columns[name]!.type}[]`);
  const values = names.map((name) => rows.map(columns[name]!.of));
  return manager.query<T[]>(
    `INSERT INTO ${table} (${names.join(', ')}) SELECT * FROM unnest(${arrays.join(', ')}) ${tail}`,
    values,
  );
}

/** `ON CONFLICT (key) DO UPDATE` that adds the new sums to the stored ones. */
export function addingTo(table: string, key: string, sums: readonly string[]): string {
  const additions = sums.map((sum) => `${sum} = ${table}.${sum} + excluded.${sum}`);
  return `ON CONFLICT (${key}) DO UPDATE SET ${additions.join(', ')}`;
}

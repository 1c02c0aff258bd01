import { Client } from 'pg';

/** Everything that a stream of segments adds up to (migrations/0002-lake.ts, 0011-ledger.ts). */
export const SUM_TABLES = [
  'outcome',
  'decision_index',
  'kpi_rollup',
  'campaign_rollup',
  'traffic_tick',
  'agent_minute',
  'creative_stat',
  'stage_user',
  'latency_rollup',
  'segment_rollup',
  'conflict_hour',
  'creative_hour',
  'pacing_tick',
] as const;

/** Rows of one table and the digest of their sorted text. */
export interface TableDigest {
  rows: number;
  digest: string;
}

export interface PointerRow {
  cell: string;
  agent: string;
  role: string;
  model_version_id: string;
  version: number;
}

export interface BookDigest {
  pointers: PointerRow[];
  sums: Record<string, TableDigest>;
}

/** Digests of all sums, and the pointers in full; `segment_seq` is the order of arrival and `ledgered` how far the ledger has told of it: neither says anything about the content. */
export async function digestBooks(databaseUrl: string): Promise<BookDigest> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const sums: Record<string, TableDigest> = {};
    for (const table of SUM_TABLES) {
      const { rows } = await client.query<TableDigest>(
        `SELECT count(*)::int AS rows, md5(coalesce(string_agg(line, ';' ORDER BY line COLLATE "C"), '')) AS digest
          FROM (SELECT (to_jsonb(t) - 'segment_seq' - 'ledgered')::text AS line FROM ${table} t) lines`,
      );
      sums[table] = rows[0]!;
    }
    const { rows: pointers } = await client.query<PointerRow>(
      'SELECT cell, agent, role, model_version_id, version FROM pointer ORDER BY cell, agent, role',
    );
    return { pointers, sums };
  } finally {
    await client.end();
  }
}

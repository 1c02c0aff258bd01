import { existsSync, readFileSync } from 'node:fs';
import { Client } from 'pg';

/** What the simulator was told is safe, against what Postgres holds. */
export interface NoticeAudit {
  acknowledged: number;
  byKind: Record<string, number>;
  lost: number;
  examples: string[];
}

/** Compares the simulator's own list of acknowledged notices with the outcomes in Postgres, one by one. */
export async function auditNotices(ackLog: string, databaseUrl: string): Promise<NoticeAudit> {
  const text = existsSync(ackLog) ? readFileSync(ackLog, 'utf8') : '';
  const acknowledged = new Set<string>();
  const byKind: Record<string, number> = {};
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { kind, bidId } = JSON.parse(line) as { kind: string; bidId: string };
    acknowledged.add(`${bidId}|${kind}`);
    byKind[kind] = (byKind[kind] ?? 0) + 1;
  }
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(`SELECT decision_id || '|' || kind AS id FROM outcome`);
    const stored = new Set(rows.map((row) => row.id));
    const missing = [...acknowledged].filter((id) => !stored.has(id));
    return { acknowledged: acknowledged.size, byKind, lost: missing.length, examples: missing.slice(0, 5) };
  } finally {
    await client.end();
  }
}

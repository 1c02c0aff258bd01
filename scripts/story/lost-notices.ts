import { existsSync, readFileSync } from 'node:fs';
import { Client } from 'pg';

/** What the simulator was told is safe, against what Postgres holds. */
export interface NoticeAudit {
  acknowledged: number;
  byKind: Record<string, number>;
  lost: number;
  examples: string[];
  /** Every acknowledgement as the simulator wrote it. */
  notices: Acknowledged[];
}

interface Acknowledged {
  kind: string;
  bidId: string;
  atMs: number;
}

/** Compares the simulator's own list of acknowledged notices with the outcomes in Postgres, one by one. */
export async function auditNotices(ackLog: string, databaseUrl: string): Promise<NoticeAudit> {
  const text = existsSync(ackLog) ? readFileSync(ackLog, 'utf8') : '';
  const acknowledged = new Set<string>();
  const byKind: Record<string, number> = {};
  const notices: Acknowledged[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const notice = JSON.parse(line) as Acknowledged;
    const { kind, bidId } = notice;
    notices.push(notice);
    acknowledged.add(`${bidId}|${kind}`);
    byKind[kind] = (byKind[kind] ?? 0) + 1;
  }
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ id: string }>(`SELECT decision_id || '|' || kind AS id FROM outcome`);
    const stored = new Set(rows.map((row) => row.id));
    const missing = [...acknowledged].filter((id) => !stored.has(id));
    return { acknowledged: acknowledged.size, byKind, lost: missing.length, examples: missing.slice(0, 5), notices };
  } finally {
    await client.end();
  }
}

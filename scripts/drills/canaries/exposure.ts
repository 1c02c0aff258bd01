import { Client } from 'pg';

/** What the edges' own decision records say about one canary's life. */
export interface Exposure {
  /** Decisions of the canary arm, and of everybody, from its first decision to the moment it was safe (or ended). */
  canary: number;
  all: number;
  share: number;
  firstAtMs: number | null;
  /** Its very last decision. */
  lastAtMs: number | null;
  /** Edges that decided for it. */
  edges: string[];
}

/**
 * Counts decision records by the time that the edge wrote into them. `untilMs` is when the last edge said that it serves the safe
 * version.
 */
export async function exposureOf(databaseUrl: string, rolloutId: string, untilMs: number): Promise<Exposure> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ first: string | null; last: string | null; edges: string[] | null }>(
      `SELECT min(decided_at_ms) AS first, max(decided_at_ms) AS last, array_agg(DISTINCT s.edge_id) AS edges
       FROM decision_index d JOIN segment s ON s.seq = d.segment_seq WHERE d.rollout_id = $1 AND d.arm = 'canary'`,
      [rolloutId],
    );
    const { first, last, edges } = rows[0]!;
    if (first === null) return { canary: 0, all: 0, share: 0, firstAtMs: null, lastAtMs: null, edges: [] };
    const counted = await client.query<{ canary: string; all: string }>(
      `SELECT count(*) FILTER (WHERE rollout_id = $1 AND arm = 'canary') AS canary, count(*) AS all
       FROM decision_index WHERE decided_at_ms BETWEEN $2 AND $3`,
      [rolloutId, first, Math.max(untilMs, Number(last))],
    );
    const [canary, all] = [Number(counted.rows[0]!.canary), Number(counted.rows[0]!.all)];
    return { canary, all, share: canary / all, firstAtMs: Number(first), lastAtMs: Number(last), edges: edges ?? [] };
  } finally {
    await client.end();
  }
}

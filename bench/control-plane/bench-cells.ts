import { Client } from 'pg';

/** A user bucket and arm of one hour of a rollout: 12 buckets of 5 minutes. */
export const BUCKETS = 12;
export const USER_BUCKETS = 200;
const BUCKET_MS = 300_000;
const TICK_MS = 5000;

export const cellName = (at: number): string => `bench-${at}`;
const cellNames = (count: number): string[] => Array.from({ length: count }, (_, at) => cellName(at));

/** Cells of the bench: rows beside the default cell's own, so that a thousand rollouts need not wait for one another's lock. */
export class BenchCells {
  private constructor(private readonly client: Client) {}

  static async open(databaseUrl: string): Promise<BenchCells> {
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    return new BenchCells(client);
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  /** Cells with the default cell's champions, and traffic of the last minutes, without which no plan is accepted. */
  async create(count: number): Promise<void> {
    const cells = cellNames(count);
    await this.client.query(
      `INSERT INTO pointer (cell, agent, role, model_version_id, version, since)
       SELECT c.cell, p.agent, p.role, p.model_version_id, 1, p.since FROM pointer p CROSS JOIN unnest($1::text[]) AS c (cell)
       WHERE p.cell = 'default' ON CONFLICT DO NOTHING`,
      [cells],
    );
    await this.freshen(count);
  }

  /** Traffic of many users up to now: the linter and the guard ask for data that are fresh. */
  async freshen(count: number): Promise<void> {
    const now = Math.floor(Date.now() / TICK_MS) * TICK_MS;
    await this.client.query(
      `INSERT INTO traffic_tick (cell, tick_ms, requests, eligible, bids, wins, impressions, clicks, conversions, value_nanos,
         spend_nanos, fallbacks, errors, late)
       SELECT c.cell, t.tick_ms, 500, 480, 470, 200, 200, 16, 3, 1600000000, 900000000, 0, 0, 0
       FROM unnest($1::text[]) AS c (cell) CROSS JOIN generate_series($2::bigint, $3::bigint, $4::bigint) AS t (tick_ms)
       ON CONFLICT DO NOTHING`,
      [cellNames(count), now - 60_000, now + 600_000, TICK_MS],
    );
    await this.client.query(
      `INSERT INTO kpi_rollup (cell, rollout_id, stage, arm, bucket_ms, user_bucket, requests, eligible, bids, wins, impressions,
         clicks, conversions, value_nanos, spend_nanos, fallbacks, errors, late)
       SELECT c.cell, '', -1, 'champion', $2::bigint, u.bucket, 40, 38, 37, 15, 15, 1, 0, 100000000, 45000000, 0, 0, 0
       FROM unnest($1::text[]) AS c (cell) CROSS JOIN generate_series(0, $3::integer - 1) AS u (bucket) ON CONFLICT DO NOTHING`,
      [cellNames(count), Math.floor(Date.now() / BUCKET_MS) * BUCKET_MS, USER_BUCKETS],
    );
  }

  /** One hour of sums and users of a rollout's canary stage, both arms alike: what a look of a real rollout reads. */
  async fill(rolloutIds: readonly string[]): Promise<{ rowsPerRollout: number }> {
    const from = Math.floor(Date.now() / BUCKET_MS) * BUCKET_MS - BUCKETS * BUCKET_MS;
    await this.client.query(
      `INSERT INTO kpi_rollup (cell, rollout_id, stage, arm, bucket_ms, user_bucket, requests, eligible, bids, wins, impressions,
         clicks, conversions, value_nanos, spend_nanos, fallbacks, errors, late)
       SELECT r.cell, r.rollout_id, 0, a.arm, $2::bigint + b.n * $3::bigint, u.bucket, 40, 38, 37, 15, 15,
         (hashint4(u.bucket * 31 + b.n) & 1), 0, 100000000 * (hashint4(u.bucket * 31 + b.n) & 1), 45000000, 0, 0, 0
       FROM rollout r CROSS JOIN (VALUES ('champion'), ('canary')) AS a (arm)
         CROSS JOIN generate_series(0, $4::integer - 1) AS b (n) CROSS JOIN generate_series(0, $5::integer - 1) AS u (bucket)
       WHERE r.rollout_id = ANY($1) ON CONFLICT DO NOTHING`,
      [rolloutIds, from, BUCKET_MS, BUCKETS + 1, USER_BUCKETS],
    );
    await this.client.query(
      `INSERT INTO stage_user (rollout_id, stage, user_key, arm, first_ms)
       SELECT r.rollout_id, 0, 'u' || n, CASE WHEN n % 2 = 0 THEN 'canary' ELSE 'champion' END, $2::bigint
       FROM unnest($1::text[]) AS r (rollout_id) CROSS JOIN generate_series(1, 2000) AS n ON CONFLICT DO NOTHING`,
      [rolloutIds, from],
    );
    return { rowsPerRollout: 2 * (BUCKETS + 1) * USER_BUCKETS };
  }

  async looksOf(rolloutIds: readonly string[]): Promise<number> {
    const { rows } = await this.client.query<{ looks: string }>(
      'SELECT count(*) AS looks FROM look WHERE rollout_id = ANY($1)',
      [rolloutIds],
    );
    return Number(rows[0]!.looks);
  }

  async championOf(agent: string): Promise<string> {
    const { rows } = await this.client.query<{ id: string }>(
      `SELECT model_version_id AS id FROM pointer WHERE cell = 'default' AND role = 'champion' AND agent = $1`,
      [agent],
    );
    return rows[0]!.id;
  }
}

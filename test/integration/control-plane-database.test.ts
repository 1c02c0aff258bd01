import { DataSource } from 'typeorm';
import { migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import { isMigrated, migrate } from '../../apps/control-plane/src/database/migrate';
import { IntentRepository } from '../../apps/control-plane/src/ledger/intent.repository';
import { freshDatabase } from '../servers';

/** `ledger-0000000000011` is the eleventh. */
const order = (name?: string): number => Number(name?.split('-').at(-1));

/** Columns, constraints, indexes, triggers and names of functions of the public schema, as text. */
async function schemaOf(source: DataSource): Promise<string[]> {
  const rows = await source.query<{ line: string }[]>(`
    SELECT format('column %s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attidentity, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT format('constraint %s on %s: %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY line`);
  return rows.map(({ line }) => line);
}

describe('schema of the control plane', () => {
  let source: DataSource;

  beforeAll(async () => {
    const url = await freshDatabase();
    await migrate(url);
    source = await migrationDataSource(url).initialize();
    await source.query(`INSERT INTO advertiser (advertiser_id, name, domain) VALUES ('a', 'A', 'a.example')`);
    await source.query(campaignSql());
    await source.query(
      `INSERT INTO budget_account (account_id, campaign_id, kind) VALUES ('funding:c', 'c', 'funding'), ('flight:c', 'c', 'flight')`,
    );
  });
  afterAll(() => source.destroy());

  /** An INSERT of campaign 'c' with some columns replaced. */
  function campaignSql(replaced: Record<string, string> = {}): string {
    const row: Record<string, string> = {
      campaign_id: `'c'`,
      advertiser_id: `'a'`,
      name: `'n'`,
      status: `'active'`,
      start_at: `'2026-01-01'`,
      end_at: `'2027-01-01'`,
      time_zone: `'UTC'`,
      currency: `'USD'`,
      daily_budget_micros: '10',
      total_budget_micros: '100',
      objective: `'value'`,
      goal_kind: `'cpc'`,
      goal_amount_micros: '1',
      bid_cap_micros: '10',
      safe_bid_micros: '1',
      targeting: `'{}'`,
      dayparting: `'{}'`,
      frequency_caps: `'[]'`,
      exploration_allowance: '0.1',
      ...replaced,
    };
    return `INSERT INTO campaign (${Object.keys(row).join()}) VALUES (${Object.values(row).join()})`;
  }

  const move = (movement: string, ...entries: [string, number][]) =>
    source.transaction(async (manager) => {
      for (const [account, nanos] of entries) {
        await manager.query(
          `INSERT INTO budget_entry (movement_id, account_id, amount_nanos, reason) VALUES ($1, $2, $3, 'funded')`,
          [movement, account, nanos],
        );
      }
    });

  const balance = async (account: string): Promise<number> => {
    const rows = await source.query('SELECT balance_nanos FROM budget_account WHERE account_id = $1', [account]);
    return Number((rows as { balance_nanos: string }[])[0]!.balance_nanos);
  };

  test('migrations run up, down to nothing, and up again; several processes may start at once', async () => {
    const url = await freshDatabase();
    const ran = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    expect(ran.map((names) => names.length).sort()).toEqual([0, 0, expect.any(Number)]);
    const other = await migrationDataSource(url).initialize();
    const tables = async () =>
      (await other.query(
        `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'migrations'
         AND relname NOT LIKE 'migrations\\_%' AND relname NOT LIKE 'PK\\_%'
         UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
      )) as unknown[];
    const before = await tables();
    expect(before.length).toBeGreaterThan(10);
    expect(await isMigrated(other)).toBe(true);
    const count = ((await other.query('SELECT 1 FROM migrations')) as unknown[]).length;
    for (let n = 0; n < count; n++) await other.undoLastMigration();
    expect(await tables()).toEqual([]);
    expect(await isMigrated(other)).toBe(false);
    await other.destroy();
    await migrate(url);
  });

  test('each migration takes back all it made: its down leaves the schema of before its up', async () => {
    const other = await migrationDataSource(await freshDatabase()).initialize();
    try {
      const runner = other.createQueryRunner();
      const inOrder = [...other.migrations].sort((a, b) => order(a.name) - order(b.name));
      const before: unknown[] = [];
      for (const migration of inOrder) {
        before.push(await schemaOf(other));
        await migration.up(runner);
      }
      for (const migration of inOrder.reverse()) {
        await migration.down(runner);
        expect({ after: migration.name, schema: await schemaOf(other) }).toEqual({
          ...{ after: migration.name, schema: before.pop() },
        });
      }
      await runner.release();
    } finally {
      await other.destroy();
    }
  });

  test.each([
    ['a flight that ends before it starts', { end_at: `'2025-01-01'` }, 'campaign_flight_has_length'],
    ['a total below a day', { total_budget_micros: '9' }, 'campaign_total_covers_a_day'],
    ['a safe bid above the cap', { safe_bid_micros: '11' }, 'campaign_safe_bid_within_cap'],
    ['no budget', { daily_budget_micros: '0' }, 'campaign_daily_budget_micros_check'],
    ['money that JavaScript cannot hold', { bid_cap_micros: '9007199254740992' }, 'campaign_bid_cap_micros_check'],
    ['an unknown status', { status: `'asleep'` }, 'campaign_status_check'],
    ['an hour that no week has', { dayparting: `'{168}'` }, 'campaign_dayparting_check'],
    [
      'a conversion value of a CPC goal',
      { goal_conversion_value_micros: '5' },
      'campaign_conversion_value_of_cpa_only',
    ],
    ['too much exploration', { exploration_allowance: '0.6' }, 'campaign_exploration_allowance_check'],
  ])('the database itself refuses %s', async (_what, replaced, constraint) => {
    const sql = campaignSql({ campaign_id: `'bad'`, ...replaced });
    await expect(source.query(sql)).rejects.toMatchObject({ driverError: { constraint } });
  });

  test('a movement whose entries do not cancel out is refused at commit, and nothing of it stays', async () => {
    await expect(move('one-sided', ['flight:c', 5])).rejects.toMatchObject({
      driverError: { constraint: 'budget_movement_balanced' },
    });
    await expect(move('unequal', ['funding:c', -5], ['flight:c', 6])).rejects.toThrow(/sum 1/);
    expect(await balance('flight:c')).toBe(0);
  });

  test('an account other than funding never goes below zero', async () => {
    await move('fund', ['funding:c', -100], ['flight:c', 100]);
    await expect(move('overspend', ['flight:c', -101], ['funding:c', 101])).rejects.toMatchObject({
      driverError: { constraint: 'budget_account_never_negative' },
    });
    expect(await balance('flight:c')).toBe(100);
  });

  test('balances move by entries only; entries are never changed, deleted or truncated', async () => {
    await expect(
      source.query(`UPDATE budget_account SET balance_nanos = 1e6 WHERE account_id = 'flight:c'`),
    ).rejects.toThrow(/by budget_entry only/);
    await expect(source.query('DELETE FROM budget_account')).rejects.toThrow(/by budget_entry only/);
    await expect(source.query('UPDATE budget_entry SET amount_nanos = 7')).rejects.toThrow(/append-only/);
    await expect(source.query('DELETE FROM budget_entry')).rejects.toThrow(/append-only/);
    await expect(source.query('TRUNCATE budget_entry')).rejects.toThrow(/append-only/);
  });

  test('a grant keeps its terms, is never overdrawn, and closes only when settled', async () => {
    await source.query(
      `INSERT INTO budget_grant (grant_id, campaign_id, edge_id, boot_id, arm, day, amount_nanos, outage_nanos, day_plan_nanos,
         day_spent_nanos, issued_at, expires_at) VALUES ('g', 'c', 'e', 'b', 'champion', '2026-01-01', 100, 10, 0, 0, now(), now() + interval '1 h')`,
    );
    const set = (change: string) => source.query(`UPDATE budget_grant SET ${change} WHERE grant_id = 'g'`);
    await expect(set('amount_nanos = 200')).rejects.toThrow(/only grows/);
    await expect(set('spent_nanos = 101')).rejects.toMatchObject({
      driverError: { constraint: 'budget_grant_not_overdrawn' },
    });
    await expect(set('closed_at = now()')).rejects.toMatchObject({
      driverError: { constraint: 'budget_grant_closed_is_settled' },
    });
    await set('spent_nanos = 60');
    await expect(set('spent_nanos = 59')).rejects.toThrow(/only grows/);
    await set('returned_nanos = 40, closed_at = now()');
    await expect(set('closed_at = NULL')).rejects.toThrow(/only grows/);
  });

  test('snapshots, intents and the audit are immutable', async () => {
    await source.query(
      `INSERT INTO snapshot (version, snapshot_id, fleet, cell, reason, content_sha256, payload, key_id, signature)
       VALUES (1, 's', 'f', 'c', 'r', repeat('0', 64), '{}', 'k', 'x')`,
    );
    await source.query(
      `INSERT INTO access_audit (seq, at, actor, method, path, code, remote_address, previous_hash, hash)
       VALUES (1, now(), 'a', 'GET', '/', 'x', '', repeat('0', 64), repeat('1', 64))`,
    );
    for (const table of ['snapshot', 'access_audit']) {
      await expect(source.query(`DELETE FROM ${table}`)).rejects.toThrow(`${table} is append-only`);
      await expect(source.query(`TRUNCATE ${table}`)).rejects.toThrow(`${table} is append-only`);
    }
    await expect(source.query(`UPDATE snapshot SET payload = '[]'`)).rejects.toThrow(/append-only/);
  });

  test('two canaries cannot live in one cell', async () => {
    const insert = (rollout: string) =>
      source.query(
        `INSERT INTO canary_lease (rollout_id, cell, stage, share_bps, renewed_at, expires_at)
         VALUES ($1, 'cell', 1, 100, now(), now() + interval '1 min')`,
        [rollout],
      );
    await insert('r1');
    await expect(insert('r2')).rejects.toMatchObject({ driverError: { constraint: 'canary_lease_one_per_cell' } });
  });

  describe('ledger of intents', () => {
    const intent = (key: string) => ({
      key,
      kind: 'training.started' as const,
      publisher: 'meta' as const,
      subject: 'bid',
      action: { window: 'w' },
      reason: 'drift',
      expiresAt: null,
    });

    test('appends once per key, also at once, and chains by hash', async () => {
      const ledger = new IntentRepository(source);
      await Promise.all(['k1', 'k1', 'k2', 'k3', 'k2'].map((key) => ledger.append(intent(key))));
      const { items } = await ledger.list({ limit: 50 });
      expect(items.map((entry) => entry.seq)).toEqual([3, 2, 1]);
      expect(new Set(items.map((entry) => entry.key))).toEqual(new Set(['k1', 'k2', 'k3']));
    });

    test('refuses UPDATE and DELETE of the owner too', async () => {
      await expect(source.query(`UPDATE intent SET reason = 'x'`)).rejects.toThrow(/append-only/);
      await expect(source.query('DELETE FROM intent')).rejects.toThrow(/append-only/);
    });
  });
});

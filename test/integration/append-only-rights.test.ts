import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { applicationAccess, grantApplicationRights } from '../../apps/control-plane/src/database/application-role';
import { dataSourceOptions, migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import { migrate } from '../../apps/control-plane/src/database/migrate';
import { freshDatabase } from '../servers';
import { ControlPlaneHarness } from './control-plane-harness';

/** Permission denied, by the database's own rights. */
const DENIED = { driverError: { code: '42501' } };

async function asOwner<T>(url: string, work: (owner: Client) => Promise<T>): Promise<T> {
  const owner = new Client({ connectionString: url });
  await owner.connect();
  try {
    return await work(owner);
  } finally {
    await owner.end();
  }
}

describe('append-only in the rights of the database', () => {
  let plane: ControlPlaneHarness;
  let tables: string[];

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
    const rows = (await plane.database.query(
      `SELECT DISTINCT tgrelid::regclass::text AS name FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'append_only'`,
    )) as { name: string }[];
    tables = rows.map(({ name }) => name);
  });
  afterAll(() => plane.stop());

  test('the application is not the owner, on its listening connection neither', async () => {
    const [who] = (await plane.database.query('SELECT current_user AS role')) as { role: string }[];
    expect(who).toEqual({ role: 'adloop_app' });
    expect(tables).toEqual(
      expect.arrayContaining([
        'intent',
        'access_audit',
        'chain_head',
        'deployment_event',
        'approval',
        'look',
        'budget_entry',
      ]),
    );
  });

  test('its own connection may not change, delete or truncate any of them, nor switch the triggers off', async () => {
    for (const table of tables) {
      const column = (await plane.database.query(
        `SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position DESC LIMIT 1`,
        [table],
      )) as { name: string }[];
      for (const sql of [
        `UPDATE ${table} SET ${column[0]!.name} = ${column[0]!.name}`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table} CASCADE`,
      ]) {
        await expect(plane.database.query(sql)).rejects.toMatchObject(DENIED);
      }
      await expect(plane.database.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`)).rejects.toMatchObject(DENIED);
      await expect(plane.database.query(`DROP TABLE ${table} CASCADE`)).rejects.toMatchObject(DENIED);
    }
    await expect(plane.database.query('DELETE FROM migrations')).rejects.toMatchObject(DENIED);
  });

  test('the rights hold while the triggers are off, and the triggers hold for the owner', async () => {
    await asOwner(plane.config.databaseUrl, async (owner) => {
      await expect(owner.query('TRUNCATE intent')).rejects.toThrow(/append-only/);
      await owner.query('ALTER TABLE intent DISABLE TRIGGER ALL');
      await expect(plane.database.query('DELETE FROM intent')).rejects.toMatchObject(DENIED);
      await owner.query('ALTER TABLE intent ENABLE TRIGGER ALL');
    });
  });

  test('a table that becomes append-only later loses the rights at the next start', async () => {
    const url = await freshDatabase();
    await migrate(url);
    await asOwner(url, async (owner) => {
      await owner.query('CREATE TABLE memo (word text)');
      await owner.query(
        'CREATE TRIGGER memo_append_only BEFORE UPDATE ON memo FOR EACH ROW EXECUTE FUNCTION append_only()',
      );
    });
    await migrate(url);
    const access = await applicationAccess(url);
    const source = await new DataSource(dataSourceOptions(access.url, 2, access.options)).initialize();
    await source.query(`INSERT INTO memo VALUES ('a')`);
    await expect(source.query('DELETE FROM memo')).rejects.toMatchObject(DENIED);
    await source.destroy();
  });
});

describe('on somebody else’s database', () => {
  /** A database whose owner may not make roles. */
  async function modestDatabase(): Promise<string> {
    const url = new URL(await freshDatabase());
    const database = url.pathname.slice(1);
    const name = `modest_${database}`;
    await asOwner(url.toString(), async (superuser) => {
      await superuser.query(`CREATE ROLE ${name} LOGIN PASSWORD 'modest'`);
      await superuser.query(`ALTER DATABASE ${database} OWNER TO ${name}`);
      await superuser.query(`ALTER SCHEMA public OWNER TO ${name}`);
    });
    url.username = name;
    url.password = 'modest';
    return url.toString();
  }

  test('where no role can be made, the application starts with a warning that says what to do, and the triggers refuse', async () => {
    const url = await modestDatabase();
    await migrate(url);
    const source = await migrationDataSource(url).initialize();
    expect(await grantApplicationRights(source, 'adloop_never_made')).toBe(false);
    const access = await applicationAccess(url, 'adloop_never_made');
    expect(access).toMatchObject({ isAppendOnly: false, options: undefined });
    expect(access.warning).toMatch(/only its triggers.*CREATE ROLE adloop_never_made NOLOGIN/);
    for (const sql of ['TRUNCATE intent', 'TRUNCATE access_audit']) {
      await expect(source.query(sql)).rejects.toThrow(/append-only/);
    }
    await source.destroy();
  });

  test('a role that exists but was not granted is not taken on; once granted it is', async () => {
    const url = await modestDatabase();
    await migrate(url);
    expect(await applicationAccess(url)).toMatchObject({ isAppendOnly: false });
    const superuser = await freshDatabase();
    await asOwner(superuser, (client) => client.query(`GRANT adloop_app TO ${new URL(url).username}`));
    expect(await applicationAccess(url)).toMatchObject({
      isAppendOnly: true,
      options: '-c role=adloop_app',
      warning: null,
    });
  });

  test('an application that connects as a narrower role of its own needs no other', async () => {
    const url = new URL(await freshDatabase());
    await migrate(url.toString());
    const name = `app_${url.pathname.slice(1)}`;
    await asOwner(url.toString(), async (superuser) => {
      await superuser.query(`CREATE ROLE ${name} LOGIN PASSWORD 'x' IN ROLE adloop_app`);
    });
    url.username = name;
    url.password = 'x';
    url.searchParams.set('options', '-c statement_timeout=7s');
    const access = await applicationAccess(url.toString());
    expect(access).toMatchObject({ isAppendOnly: true, options: '-c statement_timeout=7s', warning: null });
  });
});

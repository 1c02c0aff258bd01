import type { DataSource } from 'typeorm';
import { migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import { ControlPlaneHarness } from './control-plane-harness';

// Fault 19 on a real Postgres: a pool without a free connection, and transactions that cannot be put into an order.

/** Holds `count` connections of the pool until it is called again. */
async function hold(source: DataSource, count: number): Promise<() => Promise<void>> {
  const runners = Array.from({ length: count }, () => source.createQueryRunner());
  await Promise.all(runners.map((runner) => runner.connect()));
  return async () => {
    await Promise.all(runners.map((runner) => runner.release()));
  };
}

describe('a database under pressure', () => {
  let plane: ControlPlaneHarness;
  /** Of the tables' owner: the application may plant nothing. */
  let owner: DataSource;
  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ DATABASE_POOL_SIZE: '2' });
    owner = await migrationDataSource(plane.config.databaseUrl).initialize();
  });
  afterAll(async () => {
    await owner.destroy();
    await plane.stop();
  });

  const create = (name: string) =>
    plane.call('POST', '/api/v1/advertisers', { body: { name, domain: 'pressure.example' } });
  const named = async (name: string) => {
    const [row] = await plane.database.query<{ n: number }[]>(
      'SELECT count(*)::integer AS n FROM advertiser WHERE name = $1',
      [name],
    );
    return row!.n;
  };

  test('an exhausted pool answers 503 within its bound and says when to try again; the same call then succeeds once', async () => {
    const release = await hold(plane.database, 2);
    const startMs = performance.now();
    const refused = await create('Pool');
    const waitedMs = performance.now() - startMs;
    await release();
    expect(refused).toMatchObject({ status: 503, body: { code: 'database-unavailable' } });
    expect(refused.headers['retry-after']).toBe('1');
    expect(waitedMs).toBeLessThan(15_000);
    expect(await named('Pool')).toBe(0);
    expect(await create('Pool')).toMatchObject({ status: 201 });
    expect(await named('Pool')).toBe(1);
  }, 40_000);

  test('a serialisation failure answers 503 with Retry-After, leaves nothing behind, and the same call then succeeds', async () => {
    await owner.query(`
      CREATE FUNCTION planted_conflict() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END $$`);
    await owner.query(
      'CREATE TRIGGER planted BEFORE INSERT ON advertiser FOR EACH ROW EXECUTE FUNCTION planted_conflict()',
    );
    const refused = await create('Order');
    await owner.query('DROP TRIGGER planted ON advertiser');
    expect(refused).toMatchObject({ status: 503, body: { code: 'database-unavailable' } });
    expect(refused.headers['retry-after']).toBe('1');
    expect(await named('Order')).toBe(0);
    expect(await create('Order')).toMatchObject({ status: 201 });
    expect(await named('Order')).toBe(1);
  });
});

import { DataSource } from 'typeorm';
import type { TakeLookInput } from '../../activities/rollout-activities';
import { migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import { PointerRepository, type PointerRole } from '../../apps/control-plane/src/registry/pointer.repository';
import { WorkerActivities } from '../../apps/control-plane/src/temporal/worker-activities.service';
import { RolloutWorld } from './rollout-world';

// Fault 19 inside activities, on a real Postgres and a real Temporal: the database refuses with SQLSTATE 40001, or the worker's pool
// has no free connection. The activity is retried, its write happens once, and the rollout reaches its end.

type Activity = (...args: unknown[]) => Promise<unknown>;

/** Attempts that Postgres refuses before it takes one. */
const REFUSED = 2;
/** Activities that are disturbed, in the order in which a rollout comes to them. */
const DISTURBED: ReadonlySet<string> = new Set(['takeLook', 'promoteCandidate']);
const POOL_TIMEOUT = 'timeout exceeded when trying to connect';

/** One failed attempt: what the database said, and what of the attempt stayed behind. */
interface Failure {
  activity: string;
  fault: string;
  rowsLeft: number;
}

/** A write that is refused with 40001, when it is made or when it is committed. */
interface Conflict {
  event: 'INSERT' | 'UPDATE';
  table: string;
  when: 'IMMEDIATE' | 'DEFERRED';
  /** Which rows; all when absent. */
  only?: string;
}

/** Refuses the first attempts of each write; the counts are sequences, which outlive transactions that are rolled back. */
async function plantConflicts(owner: DataSource, conflicts: readonly Conflict[]): Promise<void> {
  await owner.query(`
    CREATE FUNCTION planted_conflict() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      IF nextval(TG_ARGV[0]) > ${REFUSED} THEN RETURN NULL; END IF;
      RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';
    END $$`);
  for (const { event, table, when, only } of conflicts)
    await owner.query(`
      CREATE SEQUENCE planted_on_${table};
      CREATE CONSTRAINT TRIGGER planted AFTER ${event} ON ${table} DEFERRABLE INITIALLY ${when} FOR EACH ROW
        ${only === undefined ? '' : `WHEN (${only})`} EXECUTE FUNCTION planted_conflict('planted_on_${table}');
    `);
}

async function removeConflicts(owner: DataSource, conflicts: readonly Conflict[]): Promise<void> {
  await owner.query('DROP FUNCTION planted_conflict CASCADE');
  for (const { table } of conflicts) await owner.query(`DROP SEQUENCE planted_on_${table}`);
}

describe('a database that fails inside an activity', () => {
  let world: RolloutWorld;
  /** Of the tables' owner: the application may plant nothing. */
  let owner: DataSource;
  beforeAll(async () => {
    world = await RolloutWorld.start();
    owner = await migrationDataSource(world.plane.config.databaseUrl).initialize();
  }, 120_000);
  afterEach(() => world.stopWorker());
  afterAll(async () => {
    await owner.destroy();
    await world.stop();
  });

  const count = async (from: string, parameters: unknown[]) => {
    const [row] = await owner.query<{ n: number }[]>(`SELECT count(*)::integer AS n FROM ${from}`, parameters);
    return row!.n;
  };

  /** Rows that an attempt of the activity may not leave behind when it failed. */
  const rowsOf = (activity: string, { rolloutId, stage, look }: TakeLookInput) =>
    activity === 'takeLook'
      ? count('look WHERE rollout_id = $1 AND stage = $2 AND look = $3', [rolloutId, stage, look])
      : count('deployment_event WHERE rollout_id = $1', [rolloutId]);

  /** Starts a worker whose looks are taken and stored for real; their verdicts are given. `around` may disturb an attempt. */
  async function startWorker(around: (activity: string, attempt: () => Promise<unknown>) => Promise<unknown>) {
    const failures: Failure[] = [];
    const { takeLook } = world.worker.get(WorkerActivities).control() as Record<string, Activity>;
    const look: Activity = async (input) => ({
      ...((await takeLook!(input)) as object),
      verdict: world.verdictOf(input as TakeLookInput),
    });
    const observed = (activity: string, work: Activity): Activity =>
      async function observe(...args) {
        try {
          return await around(activity, () => work(...args));
        } catch (error) {
          const { driverError, message } = error as { driverError?: { code?: string }; message: string };
          const rowsLeft = await rowsOf(activity, args[0] as TakeLookInput);
          failures.push({ activity, fault: driverError?.code ?? message, rowsLeft });
          throw error;
        }
      };
    const watched = (activities: object) =>
      Object.fromEntries(
        Object.entries(activities as Record<string, Activity>).map(([activity, work]): [string, Activity] => [
          activity,
          DISTURBED.has(activity) ? observed(activity, work) : work,
        ]),
      );
    await world.startWorker({ takeLook: look }, watched);
    return failures;
  }

  /** A transaction between two statements is idle for an instant; one that was left open stays so. */
  async function untilNoneIsIdleInTransaction(): Promise<void> {
    const idle = () =>
      count(`pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`, []);
    for (let tries = 0; (await idle()) > 0; tries += 1) {
      if (tries === 100) throw new Error('a transaction was left open');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  const pointer = async (role: PointerRole) =>
    (await world.plane.app.get(PointerRepository).find('default', 'frequency', role))!;

  /** Releases to the end; then everything that a rollout writes must be there once, and nothing may be held any more. */
  async function releaseAndAudit(): Promise<void> {
    const [stage] = RolloutWorld.plan().stages;
    const plan = RolloutWorld.plan({ stages: [{ ...stage!, approval: false, holdSeconds: 2 }] });
    world.verdictOf = ({ look }) => (look < 2 ? 'continue' : 'non-inferior');
    const before = await pointer('champion');
    const candidateId = await world.candidate('frequency');
    const { rolloutId, handle } = await world.release(candidateId, { plan });
    expect(await handle.result()).toMatchObject({ state: 'promoted' });
    expect(await pointer('champion')).toMatchObject({ version: before.version + 1, modelVersionId: candidateId });
    expect(await pointer('last-known-good')).toMatchObject({ modelVersionId: before.modelVersionId });
    expect(await count(`deployment_event WHERE rollout_id = $1 AND role = 'champion'`, [rolloutId])).toBe(1);
    expect(await count(`intent WHERE subject = $1 AND kind = 'rollout.promoted'`, [rolloutId])).toBe(1);
    // A look for each number, none left out.
    const looks = await owner.query<{ look: number }[]>('SELECT look FROM look WHERE rollout_id = $1 ORDER BY look', [
      rolloutId,
    ]);
    expect(looks.length).toBeGreaterThanOrEqual(2);
    expect(looks.map(({ look }) => look)).toEqual(looks.map((_, at) => at + 1));
    expect(await count('rollout WHERE claimed OR waits OR share_bps > 0', [])).toBe(0);
    expect(await count('canary_lease WHERE rollout_id = $1 AND ended_at IS NULL', [rolloutId])).toBe(0);
    await untilNoneIsIdleInTransaction();
  }

  const atMade: Conflict[] = [
    { event: 'UPDATE', table: 'rollout', when: 'IMMEDIATE', only: 'NEW.look > OLD.look AND NEW.seq = OLD.seq' },
    { event: 'UPDATE', table: 'pointer', when: 'IMMEDIATE' },
  ];
  const atCommit: Conflict[] = [
    { event: 'INSERT', table: 'look', when: 'DEFERRED' },
    { event: 'INSERT', table: 'deployment_event', when: 'DEFERRED' },
  ];
  test.each([
    ['made', atMade],
    ['committed', atCommit],
  ])(
    'a look and a promotion that cannot be serialised when they are %s: retried, written once',
    async (_, conflicts) => {
      const failures = await startWorker((_activity, attempt) => attempt());
      await plantConflicts(owner, conflicts);
      await releaseAndAudit();
      await removeConflicts(owner, conflicts);
      const refused = (activity: string): Failure[] =>
        Array.from({ length: REFUSED }, () => ({ activity, fault: '40001', rowsLeft: 0 }));
      expect(failures).toEqual([...refused('takeLook'), ...refused('promoteCandidate')]);
    },
  );

  test('a look and a promotion that get no connection from the pool: retried, written once', async () => {
    const pool = world.worker.get(DataSource);
    const size = (pool.options as { poolSize: number }).poolSize;
    const starved = new Set<string>();
    const failures = await startWorker(async (activity, attempt) => {
      if (starved.has(activity)) return attempt();
      starved.add(activity);
      const held = Array.from({ length: size }, () => pool.createQueryRunner());
      await Promise.all(held.map((runner) => runner.connect()));
      try {
        return await attempt();
      } finally {
        await Promise.all(held.map((runner) => runner.release()));
      }
    });
    await releaseAndAudit();
    expect(failures).toEqual([...DISTURBED].map((activity) => ({ activity, fault: POOL_TIMEOUT, rowsLeft: 0 })));
  });
});

import { Evidence0000000000008 } from '../../migrations/0008-evidence';
import { ShippedSeed } from '../../apps/control-plane/src/shipped/shipped-seed';
import { migrationDataSource } from '../../apps/control-plane/src/database/data-source';
import { migrate } from '../../apps/control-plane/src/database/migrate';
import { PointerRepository } from '../../apps/control-plane/src/registry/pointer.repository';
import { storePastRollout, type StoredPast } from '../fixtures/past-rollout';
import { freshDatabase } from '../servers';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';

interface Entry {
  cell: string;
  agent: string;
  modelVersionId: string;
  since: string;
  until: string | null;
  actor: string;
  requestedBy: string | null;
  rolloutId: string | null;
  evidence: { stage: number; look: number; verdict: string } | null;
  approvals: { approver: string; stage: number; reason: string }[];
}

/** Given champions that followed each other; when somebody asks what was bidding at T; then there is one answer, with who allowed it. */
describe('models at T', () => {
  let plane: ControlPlaneHarness;
  let adloop: CliRunner;
  let past: StoredPast;

  const move = (key: string, to: string, changes: object = {}) =>
    plane.database.transaction((manager) =>
      plane.app.get(PointerRepository).move(
        {
          ...{ key, cell: 'default', agent: 'bid', role: 'champion', to, expected: null },
          ...{ rolloutId: null, actor: 'otto', reason: 'by hand', evidenceDigest: null, ...changes },
        },
        manager,
      ),
    );
  const bidAt = async (at: string): Promise<Entry | undefined> =>
    (await adloop.json<{ items: Entry[] }>('models', 'at', at, '--json')).items.find(({ agent }) => agent === 'bid');
  const now = async (): Promise<string> => {
    const [row] = await plane.database.query<{ at: Date }[]>(`SELECT clock_timestamp() + interval '1 ms' AS at`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return row!.at.toISOString();
  };

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await plane.app.get(ShippedSeed).seed();
    adloop = await CliRunner.over(plane);
    past = await storePastRollout(plane, {
      rolloutId: 'rol_p',
      effect: 0.25,
      seed: 3,
      startMs: Date.now() - 3_600_000,
    });
  }, 120_000);
  afterAll(() => plane.stop());

  test('each instant has the champion of then, who allowed it, and the look it stands on', async () => {
    const shipped = (await bidAt('now'))!;
    expect(shipped).toMatchObject({ actor: 'seed', until: null, evidence: null, approvals: [] });
    const beforePromotion = await now();
    const { digest, stage, look } = past.looks.at(-1)!;
    await plane.database.query(
      `INSERT INTO approval (approval_id, rollout_id, stage, evidence_digest, approver, decision, reason, expires_at)
       VALUES ('apr_1', 'rol_p', 0, 'shadow', 'alice', 'approve', 'shadow read', now() + interval '1 h')`,
    );
    await move('promote', past.candidateId, {
      rolloutId: 'rol_p',
      actor: 'alice',
      reason: 'promoted',
      evidenceDigest: digest,
    });
    const served = await now();
    await move('back', shipped.modelVersionId, { reason: 'smells' });
    expect(await bidAt(beforePromotion)).toMatchObject({
      modelVersionId: shipped.modelVersionId,
      since: shipped.since,
    });
    const promoted = (await bidAt(served))!;
    expect(promoted).toMatchObject({
      ...{ cell: 'default', modelVersionId: past.candidateId, rolloutId: 'rol_p', requestedBy: 'mila', actor: 'alice' },
      evidence: { stage, look, verdict: 'non-inferior' },
      approvals: [{ approver: 'alice', stage: 0, reason: 'shadow read' }],
    });
    const after = (await bidAt('now'))!;
    expect(after).toMatchObject({ modelVersionId: shipped.modelVersionId, since: promoted.until, until: null });
    const { out } = await adloop.run('models', 'at', served);
    expect(out).toMatch(
      /default +bid +bid-of-rol_p .* alice \(stage 0\); asked by mila +rol_p stage 2 look \d+: non-inferior/,
    );
  });

  test('before the first champion there is none; the future and a word are refused', async () => {
    expect((await adloop.json<{ items: Entry[] }>('models', 'at', '2020-01-01', '--json')).items).toEqual([]);
    const future = await adloop.run('models', 'at', '2999-01-01');
    expect([future.code, future.err]).toEqual([2, expect.stringContaining('/at')]);
    expect((await adloop.run('models', 'at', 'lunch')).code).toBe(2);
    expect((await adloop.json<{ items: Entry[] }>('models', 'at', 'now', '--cell', 'mars', '--json')).items).toEqual(
      [],
    );
  });

  test('the database refuses two champions at one instant, and any change of the past', async () => {
    const insert = (during: string, cell = 'default') =>
      plane.database.query(
        `INSERT INTO champion_period (event_id, cell, agent, model_version_id, during)
         SELECT event_id, $1, 'bid', to_model_version_id, tstzrange(${during}) FROM deployment_event WHERE role = 'last-known-good' LIMIT 1`,
        [cell],
      );
    await expect(insert('now(), NULL')).rejects.toMatchObject({
      driverError: { constraint: 'one_champion_at_any_instant' },
    });
    await expect(insert(`now() - interval '1 d', now() + interval '1 d'`)).rejects.toMatchObject({
      driverError: { constraint: 'one_champion_at_any_instant' },
    });
    // Another cell has champions of its own; this one is taken back with its transaction.
    await expect(
      plane.database.transaction(async (manager) => {
        await manager.query(
          `INSERT INTO champion_period (event_id, cell, agent, model_version_id, during)
           SELECT event_id, 'other', 'bid', to_model_version_id, tstzrange(now(), NULL) FROM deployment_event WHERE role = 'last-known-good' LIMIT 1`,
        );
        throw new Error('undo');
      }),
    ).rejects.toThrow('undo');
    for (const sql of [
      'DELETE FROM champion_period',
      'TRUNCATE champion_period',
      `UPDATE champion_period SET model_version_id = 'x' WHERE upper_inf(during)`,
      `UPDATE champion_period SET during = tstzrange('2020-01-01', NULL) WHERE upper_inf(during)`,
      `UPDATE champion_period SET during = tstzrange(lower(during), now()) WHERE NOT upper_inf(during)`,
    ])
      await expect(plane.database.query(sql)).rejects.toThrow(/append-only|permission denied/);
  });

  test('a clock that steps back neither refuses a rollback nor leaves two champions', async () => {
    const event = (key: string, at: string, version: number, to: string) =>
      plane.database.query(
        `INSERT INTO deployment_event (key, cell, agent, role, to_model_version_id, pointer_version, actor, reason, at)
         VALUES ($1, 'skewed', 'bid', 'champion', $2, $3, 'a', 'r', $4)`,
        [key, to, version, at],
      );
    await event('k1', '2026-05-01T10:00:00Z', 1, past.candidateId);
    await event('k2', '2026-05-01T09:59:00Z', 2, past.candidateId);
    await event('k3', '2026-05-01T09:58:00Z', 3, past.candidateId);
    const rows = await plane.database.query<{ open: boolean }[]>(
      `SELECT upper_inf(during) AS open FROM champion_period WHERE cell = 'skewed' ORDER BY lower(during)`,
    );
    expect(rows.map(({ open }) => open)).toEqual([false, false, true]);
  });

  test('what was deployed before the migration has its periods too', async () => {
    const url = await freshDatabase();
    await migrate(url);
    const source = await migrationDataSource(url).initialize();
    try {
      const migration = new Evidence0000000000008();
      const runner = source.createQueryRunner();
      await migration.down(runner);
      await source.query(
        `INSERT INTO model_version (model_version_id, agent, family, manifest, gates_passed, created_by, registration_key)
         SELECT 'm' || n, 'bid', 'multi-agent', '{}', true, 'x', 'k' || n FROM generate_series(1, 3) n`,
      );
      await source.query(
        `INSERT INTO deployment_event (key, cell, agent, role, to_model_version_id, pointer_version, actor, reason, at)
         SELECT 'e' || n, 'c', 'bid', 'champion', 'm' || n, n, 'a', 'r', '2026-01-01'::timestamptz + n * interval '1 h' FROM generate_series(1, 3) n`,
      );
      await migration.up(runner);
      await runner.release();
      const rows = await source.query<{ model_version_id: string; hours: number | null }[]>(
        `SELECT model_version_id, extract(epoch FROM upper(during) - lower(during))::int / 3600 AS hours FROM champion_period ORDER BY lower(during)`,
      );
      expect(rows.map(({ model_version_id, hours }) => [model_version_id, hours])).toEqual([
        ['m1', 1],
        ['m2', 1],
        ['m3', null],
      ]);
    } finally {
      await source.destroy();
    }
  });
});

import { LookRepository } from '../../apps/control-plane/src/rollouts/look.repository';
import type { TakeLookInput } from '../../activities/rollout-activities';
import { WorkerActivities } from '../../apps/control-plane/src/temporal/worker-activities.service';
import type { RolloutView } from '../../workflows/messages';
import { approve, RolloutWorld, send, until } from './rollout-world';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A worker that is away, activities that succeed and report failure, and increases that are held: on real parts. */
describe('outages and holds of a rollout', () => {
  let world: RolloutWorld;
  beforeAll(async () => {
    world = await RolloutWorld.start();
  }, 120_000);
  afterAll(() => (world as RolloutWorld | undefined)?.stop());
  afterEach(() => world.stopWorker());

  const candidate = () => world.candidate('frequency');
  const stages = (shares: number[], approval: boolean[] = []) => {
    const [stage] = RolloutWorld.plan().stages;
    return RolloutWorld.plan({
      stages: shares.map((shareBps, n) => ({ ...stage, shareBps, holdSeconds: 2, approval: approval[n] ?? false })),
    });
  };

  test('a worker down for three stages: one evaluation on its return, no stage and no approval skipped', async () => {
    const looks: { stage: number; look: number; atMs: number }[] = [];
    world.verdictOf = (input: TakeLookInput) => {
      looks.push({ stage: input.stage, look: input.look, atMs: Date.now() });
      return looks.length === 1 ? 'continue' : 'non-inferior';
    };
    await world.startWorker();
    const plan = stages([100, 500, 2500, 5000], [false, false, true, false]);
    const { handle } = await world.release(await candidate(), { plan });
    await until(handle, (view) => view.look >= 1);
    await world.stopWorker();
    const before = looks.length;
    // Three holds and their looks would have passed.
    await pause(9_000);
    expect(looks).toHaveLength(before);
    const backAtMs = Date.now();
    await world.startWorker();
    const waiting = await until(handle, (view) => view.state === 'awaiting-approval');
    expect(waiting).toMatchObject({ stage: 2, shareBps: 2500 });
    await approve(handle, waiting);
    const view = (await handle.result()) as RolloutView;
    expect(view).toMatchObject({ state: 'promoted' });
    expect(view.approvals).toMatchObject([{ stage: 2 }]);
    const after = looks.slice(before);
    expect(after.filter((look) => look.stage === 0)).toHaveLength(1);
    for (const stage of [1, 2, 3]) {
      const own = after.filter((look) => look.stage === stage);
      expect(own[0].look).toBe(1);
      expect(own[0].atMs).toBeGreaterThan(backAtMs);
      expect(own.at(-1)!.atMs - own[0].atMs).toBeGreaterThanOrEqual(900);
    }
  }, 120_000);

  test('every activity that succeeded but reported failure is repeated without a second effect', async () => {
    world.verdictOf = () => 'non-inferior';
    const real = world.worker.get(WorkerActivities).control() as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    const failed = new Map<string, number>();
    /** Does the work, then fails, the first time for each distinct call. */
    const lying = (name: string, work: (...args: unknown[]) => Promise<unknown>) => {
      const seen = new Set<string>();
      return async (...args: unknown[]) => {
        const answer = await work(...args);
        const call = JSON.stringify(args);
        if (seen.has(call)) return answer;
        seen.add(call);
        failed.set(name, (failed.get(name) ?? 0) + 1);
        throw new Error(`${name}: done, but reported as failed`);
      };
    };
    const names = ['openRollout', 'claimRollout', 'saveRollout', 'serveStage', 'promoteCandidate', 'restoreTarget'];
    names.push('recordApproval', 'appendIntent', 'releaseRollout', 'awaitAcknowledgement', 'readHolds');
    await world.startWorker(Object.fromEntries(names.map((name) => [name, lying(name, real[name])])));
    const plan = stages([100, 500], [true, false]);
    const promoted = await world.release(await candidate(), { plan });
    await approve(promoted.handle, await until(promoted.handle, (view) => view.state === 'awaiting-approval'));
    expect(await promoted.handle.result()).toMatchObject({ state: 'promoted' });
    const back = await world.release(await candidate(), { plan });
    await until(back.handle, (view) => view.shareBps === 100 && view.state === 'awaiting-approval');
    await send(back.handle, 'rollBack');
    expect(await back.handle.result()).toMatchObject({ state: 'rolled-back' });
    for (const name of names) expect(`${name} ${failed.get(name) ?? 0}`).toMatch(/ [1-9]/);
    const count = async (sql: string, id: string) => {
      const [row] = await world.plane.database.query<{ n: number }[]>(`SELECT count(*)::integer AS n FROM ${sql}`, [
        id,
      ]);
      return row.n;
    };
    expect(await count(`deployment_event WHERE rollout_id = $1 AND role = 'champion'`, promoted.rolloutId)).toBe(1);
    expect(await count(`deployment_event WHERE rollout_id = $1`, back.rolloutId)).toBe(0);
    expect(await count('approval WHERE rollout_id = $1', promoted.rolloutId)).toBe(1);
    for (const kind of ['rollout.started', 'rollout.approved', 'rollout.promoted'])
      expect(await count(`intent WHERE kind = '${kind}' AND subject = $1`, promoted.rolloutId)).toBe(1);
    expect(await count(`intent WHERE kind = 'rollout.rolled-back' AND subject = $1`, back.rolloutId)).toBe(1);
    expect(await world.plane.app.get(LookRepository).list(promoted.rolloutId, 10)).toEqual([]);
  }, 180_000);

  test('the line is stopped by one and resumed by another; freezes are declared and lifted; all of it is in the ledger', async () => {
    world.verdictOf = () => 'non-inferior';
    await world.startWorker();
    const holds = (name: string, as: string, reason = 'spend looks wrong') =>
      world.plane.call('POST', `/api/v1/release-holds/${name}`, { as, body: { reason } });
    const { handle } = await world.release(await candidate(), { plan: stages([100, 500]) });
    await until(handle, (view) => view.shareBps === 100);
    expect(await holds('stop', 'oscar')).toMatchObject({
      status: 200,
      body: { held: 'the line is stopped by oscar: spend looks wrong', line: { stoppedBy: 'oscar' } },
    });
    const held = await until(handle, (view) => view.held != null && view.look >= 4);
    expect(held).toMatchObject({ state: 'canary', stage: 0, shareBps: 100, guard: 'holding' });
    expect(await holds('resume', 'oscar')).toMatchObject({ status: 403, body: { code: 'four-eyes' } });
    expect(await holds('stop', 'vera')).toMatchObject({ status: 403 });
    const year = 365 * 86_400_000;
    const freeze = { name: 'holidays', reason: 'nobody is there', timeZone: 'Europe/Berlin' };
    const times = { from: new Date(Date.now() - 1000).toISOString(), until: new Date(Date.now() + year).toISOString() };
    const wrong = { ...freeze, from: times.until, until: times.from, timeZone: 'Mars/Base' };
    const refusedFreeze = await world.plane.call('POST', '/api/v1/release-holds/freezes', { as: 'alice', body: wrong });
    expect(refusedFreeze.status).toBe(422);
    const declared = await world.plane.call<{ freezeId: string }>('POST', '/api/v1/release-holds/freezes', {
      as: 'alice',
      body: { ...freeze, ...times },
    });
    expect(declared.status).toBe(201);
    const { freezeId } = declared.body;
    expect(await holds('resume', 'alice')).toMatchObject({
      status: 200,
      body: { held: expect.stringMatching(/holidays/) as string },
    });
    expect(await holds('resume', 'alice')).toMatchObject({ status: 409 });
    await until(handle, (view) => /holidays/.test(view.held ?? ''));
    // Decreases never wait: an abort ends it in a freeze.
    await send(handle, 'abort');
    expect(await handle.result()).toMatchObject({ state: 'aborted' });
    const inFreeze = await world.release(await candidate(), { plan: stages([100, 500]) });
    await until(inFreeze.handle, (view) => view.state === 'planned' && view.held != null);
    expect(await holds(`freezes/${freezeId}/lift`, 'bob')).toMatchObject({
      status: 200,
      body: { held: null, freezes: [] },
    });
    expect(await holds(`freezes/${freezeId}/lift`, 'bob')).toMatchObject({ status: 404 });
    expect(await inFreeze.handle.result()).toMatchObject({ state: 'promoted' });
    const kinds = await world.plane.database.query<{ kind: string }[]>(
      `SELECT kind FROM intent WHERE kind LIKE 'line.%' OR kind LIKE 'freeze.%' ORDER BY seq`,
    );
    expect(kinds.map(({ kind }) => kind)).toEqual(['line.stopped', 'freeze.declared', 'line.resumed', 'freeze.lifted']);
    // The database itself keeps the four eyes.
    await holds('stop', 'oscar');
    const sql = `UPDATE release_line SET stopped_by = NULL, changed_by = 'oscar', version = version + 1`;
    await expect(world.plane.database.query(sql)).rejects.toThrow(/oscar stopped the line/);
    await holds('resume', 'bob');
  }, 120_000);
});

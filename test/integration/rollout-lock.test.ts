import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { OrphanReaper } from '../../apps/control-plane/src/rollouts/orphan-reaper.service';
import { TargetCheck } from '../../apps/control-plane/src/rollouts/target-check.service';
import type { AgentPolicy } from '../../domain/contracts';
import type { RolloutView } from '../../workflows/messages';
import { shortPlan } from '../workflow/stub-rollout';
import { alice, approve, mia, RolloutWorld, send, until } from './rollout-world';

/** Who holds (cell, agent), what is checked before, and what becomes of a rollout whose workflow is gone. */
describe('lock, target and edges of a rollout', () => {
  let world: RolloutWorld;
  beforeAll(async () => {
    world = await RolloutWorld.start();
    await world.startWorker();
  }, 120_000);
  afterAll(() => (world as RolloutWorld | undefined)?.stop());

  const candidate = () => world.candidate('frequency');
  /** Waits for approval after its shadow. */
  const shadowed = () => shortPlan({ stages: [shortPlan().stages[0], ...RolloutWorld.plan().stages] });
  const intents = (kind: string, subject: string) =>
    world.plane.database.query<{ action: Record<string, unknown>; reason: string }[]>(
      'SELECT action, reason FROM intent WHERE kind = $1 AND subject = $2',
      [kind, subject],
    );

  test('a newer candidate takes the place of one still in shadow; one that serves is waited for, only the latest waits', async () => {
    const inShadow = await world.release(await candidate(), { plan: shadowed() });
    await until(inShadow.handle, (view) => view.state === 'awaiting-approval');
    const serving = await world.release(await candidate(), { whenBusy: 'queue' });
    expect(await inShadow.handle.result()).toMatchObject({
      state: 'superseded',
      reason: expect.stringContaining(`rollout ${serving.rolloutId} took its place`) as string,
    });
    await until(serving.handle, (view) => view.shareBps === 500);

    const first = await world.release(await candidate(), { whenBusy: 'queue' });
    expect(await until(first.handle, (view) => view.state === 'queued')).toMatchObject({
      waitingFor: expect.stringContaining(serving.rolloutId) as string,
      rollbackTargetId: null,
    });
    const second = await world.release(await candidate(), { whenBusy: 'queue' });
    expect(await first.handle.result()).toMatchObject({ state: 'superseded' });
    expect(await intents('rollout.superseded', first.rolloutId)).toMatchObject([{ action: { by: second.rolloutId } }]);
    const refused = await world.release(await candidate());
    expect(await refused.handle.result()).toMatchObject({ state: 'refused', faults: [{ code: 'CELL_BUSY' }] });

    await send(serving.handle, 'abort');
    await until(second.handle, (view) => view.shareBps === 500);
    await send(second.handle, 'abort');
    expect(await second.handle.result()).toMatchObject({ state: 'aborted' });
    const held = await world.plane.database.query('SELECT 1 FROM rollout WHERE claimed OR waits');
    expect(held).toEqual([]);
  }, 120_000);

  test('a workflow terminated by hand while serving: its lease is renewed no more, and its lock comes free', async () => {
    const lost = await world.release(await candidate());
    await until(lost.handle, (view) => view.state === 'awaiting-approval');
    const lease = await world.leases().current('default');
    expect(lease).toMatchObject({ rolloutId: lost.rolloutId, shareBps: 500 });
    await lost.handle.terminate('by hand');
    // Nobody renews it: two minutes later no edge may serve the canary.
    expect(await world.leases().current('default', Date.now() + 120_000)).toBeNull();
    await expect(world.plane.app.get(OrphanReaper).reapAll()).resolves.toEqual([lost.rolloutId]);
    expect(await world.leases().current('default')).toBeNull();
    const [row] = await world.plane.database.query<{ state: string; claimed: boolean; share_bps: number }[]>(
      'SELECT state, claimed, share_bps FROM rollout WHERE rollout_id = $1',
      [lost.rolloutId],
    );
    expect(row).toEqual({ state: 'aborted', claimed: false, share_bps: 0 });
    expect(await intents('page.raised', lost.rolloutId)).toMatchObject([{ action: { page: 'rollout-orphaned' } }]);
    const latest = await world.plane.call<{ items: { version: number }[] }>('GET', '/api/v1/snapshots?limit=1');
    expect(await world.sharesAfter(latest.body.items[0].version - 1)).toEqual([]);
    const next = await world.release(await candidate());
    await until(next.handle, (view) => view.shareBps === 500);
    await send(next.handle, 'abort');
    await next.handle.result();
  }, 120_000);

  test('an artifact whose bytes changed between gate and deploy is refused before it serves', async () => {
    const artifacts = path.join(world.plane.config.adloopHome, 'artifacts');
    let file = '';
    const changed = await world.candidate('bid', (policy: AgentPolicy) => {
      file = path.join(artifacts, `${policy.artifact!.sha256}.onnx`);
      const sha256 = randomBytes(32).toString('hex');
      writeFileSync(path.join(artifacts, `${sha256}.onnx`), 'other bytes than those that passed');
      return { ...policy, artifact: { ...policy.artifact!, sha256 } } as AgentPolicy;
    });
    const { handle } = await world.release(changed, { agent: 'bid' });
    const view = (await handle.result()) as RolloutView;
    expect(view).toMatchObject({ state: 'rejected', shareBps: 0 });
    expect(view.reason).toMatch(/was altered on disk/);
    // The champion itself is whole: it would be a good target.
    expect(file).not.toBe('');
    await expect(world.plane.app.get(TargetCheck).faults('bid', 'no-such-version')).resolves.toMatchObject([
      { code: 'NO_TARGET' },
    ]);
  }, 60_000);

  test('a promotion that 2 of 3 edges acknowledge is reported edge by edge, and pages', async () => {
    const [, , third] = world.edges;
    const plan = RolloutWorld.plan();
    const single = { ...plan, stages: [{ ...plan.stages[0], approval: false }] };
    world.verdictOf = () => 'continue';
    const { handle, rolloutId } = await world.release(await candidate(), { plan: single });
    await until(handle, (view) => view.shareBps === 500 && view.look >= 1);
    third.refusesAfter = third.acknowledged.at(-1)!.version;
    world.verdictOf = () => 'non-inferior';
    await until(handle, (view) => view.state === 'promoting' && (view.delivery?.acknowledged.length ?? 0) === 2);
    const edges = await world.plane.call<{ edges: object[] }>('GET', `/api/v1/rollouts/${rolloutId}/edges`);
    expect(edges.status).toBe(200);
    const view = (await handle.result()) as RolloutView;
    expect(view).toMatchObject({ state: 'promoted', delivery: { what: 'promotion', stragglers: ['edge-3'] } });
    expect(view.delivery!.edges).toMatchObject([
      { edgeId: 'edge-1', serves: true },
      { edgeId: 'edge-2', serves: true },
      { edgeId: 'edge-3', serves: false, live: true, refused: expect.stringContaining('refused by test') as string },
    ]);
    expect(await intents('rollout.promoted', rolloutId)).toMatchObject([{ action: { stragglers: ['edge-3'] } }]);
    expect(await intents('page.raised', rolloutId)).toMatchObject([{ action: { page: 'promotion-stragglers' } }]);
    third.refusesAfter = Number.POSITIVE_INFINITY;
  }, 150_000);

  test('a roll-back with one edge dead: safe on the others at once, the dead one named', async () => {
    const { handle, rolloutId } = await world.release(await candidate());
    const waiting = await until(handle, (view) => view.state === 'awaiting-approval');
    await approve(handle, waiting, alice);
    await until(handle, (view) => view.shareBps === 2500 && view.look >= 1);
    await world.edges[2].die();
    const askedAtMs = Date.now();
    await send(handle, 'rollBack', alice);
    const view = (await handle.result()) as RolloutView;
    expect(Date.now() - askedAtMs).toBeLessThan(20_000);
    expect(view).toMatchObject({ state: 'rolled-back', requestedBy: mia.name });
    expect(view.safe).toMatchObject({ acknowledged: ['edge-1', 'edge-2'], stragglers: ['edge-3'] });
    expect(view.safe!.timeToSafeMs).toBeLessThan(5_000);
    expect(await intents('page.raised', rolloutId)).toMatchObject([{ action: { page: 'roll-back-stragglers' } }]);
    world.edges[2].start();
  }, 120_000);

  test('without a connected edge no rollout starts: nothing could be acknowledged', async () => {
    for (const edge of world.edges) await edge.die();
    const { handle } = await world.release(await candidate());
    expect(await handle.result()).toMatchObject({ state: 'refused', faults: [{ code: 'NO_EDGES' }] });
    expect(await world.plane.database.query('SELECT 1 FROM rollout WHERE claimed')).toEqual([]);
  }, 60_000);
});

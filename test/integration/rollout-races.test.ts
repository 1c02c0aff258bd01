import type { WorkflowHandle } from '@temporalio/client';
import type { RolloutView } from '../../workflows/messages';
import { approve, RolloutWorld, send, until } from './rollout-world';

// Approve and abort raced on real Postgres and Temporal: after an abort no share above 0 is in any edge's acknowledged
// snapshot, and none is published any more.

const FORCED = 40;
const CONCURRENT = 20;

describe('approve against abort', () => {
  let world: RolloutWorld;
  beforeAll(async () => {
    world = await RolloutWorld.start();
    await world.startWorker();
  }, 120_000);
  afterAll(() => (world as RolloutWorld | undefined)?.stop());

  async function race(order: (handle: WorkflowHandle, waiting: RolloutView) => Promise<unknown>): Promise<RolloutView> {
    const { handle } = await world.release(await world.candidate('frequency'));
    const waiting = await until(handle, (view) => view.state === 'awaiting-approval');
    expect(waiting).toMatchObject({ stage: 0, shareBps: 500 });
    await order(handle, waiting);
    const view = (await handle.result()) as RolloutView;
    expect(view).toMatchObject({ state: 'aborted', shareBps: 0 });
    expect(view.safe?.acknowledged).toEqual(['edge-1', 'edge-2', 'edge-3']);
    const { snapshotVersion } = view.safe!;
    for (const edge of world.edges) {
      const seen = edge.acknowledged.at(-1)!;
      expect(seen.version).toBeGreaterThanOrEqual(snapshotVersion);
      expect(seen.canaryBps).toBe(0);
    }
    expect(await world.sharesAfter(snapshotVersion - 1)).toEqual([]);
    expect(await world.leases().current('default')).toBeNull();
    return view;
  }

  /** A refused command is as good as one that lost: what counts is where it ends. */
  const settle = (work: Promise<unknown>) => work.catch(() => undefined);

  test(`approve first, ${FORCED} times`, async () => {
    for (let n = 0; n < FORCED; n += 1) {
      const view = await race(async (handle, waiting) => {
        await approve(handle, waiting);
        // Sometimes at once, sometimes when the next share is being served.
        await new Promise((resolve) => setTimeout(resolve, (n % 8) * 25));
        await send(handle, 'abort');
      });
      expect(view.approvals).toHaveLength(1);
    }
  }, 600_000);

  test(`abort first, ${FORCED} times`, async () => {
    let refused = 0;
    for (let n = 0; n < FORCED; n += 1) {
      const view = await race(async (handle, waiting) => {
        await send(handle, 'abort');
        await approve(handle, waiting).catch(() => (refused += 1));
      });
      expect(view.stage).toBe(0);
    }
    expect(refused).toBe(FORCED);
  }, 600_000);

  test(`both at once, ${CONCURRENT} times`, async () => {
    for (let n = 0; n < CONCURRENT; n += 1) {
      await race((handle, waiting) => {
        const both = [() => settle(approve(handle, waiting)), () => send(handle, 'abort')];
        return Promise.all((n % 2 === 0 ? both : both.reverse()).map((command) => command()));
      });
    }
  }, 600_000);
});

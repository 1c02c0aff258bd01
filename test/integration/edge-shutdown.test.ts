import { connect } from 'node:net';
import { EdgeScene } from '../fixtures/edge-scene';
import { HttpLoad } from '../fixtures/http-load';

/** Case 8: the order to stop comes while exchanges are sending. */
describe('an edge that is told to stop under load', () => {
  let scene: EdgeScene;

  beforeAll(async () => (scene = await EdgeScene.open('edge-shutdown')));
  afterAll(() => scene.close());

  it('cuts nobody off, is gone within seconds, and gives its leases back', async () => {
    const load = new HttpLoad(scene.edge.url, 32);
    const loading = load.closedLoop();
    // A connection that says nothing must not hold it up.
    const idle = connect(Number(new URL(scene.edge.url).port), '127.0.0.1');
    idle.on('error', () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { code, ms } = await scene.edge.end('SIGTERM');
    const { bids, odd, resets, refused } = await loading;
    load.close();
    idle.destroy();
    expect(bids).toBeGreaterThan(100);
    expect({ code, odd, resets }).toEqual({ code: 0, odd: 0, resets: 0 });
    expect(refused).toBe(32);
    // The drain is 2 s at most; the rest is the last heartbeat and the last segment.
    expect(ms).toBeLessThan(5000);
    const last = scene.control.heartbeats.at(-1);
    expect(last?.draining).toBe(true);
    for (const grant of last?.grants ?? []) expect(grant.freeNanos).toBe(0);
    expect((last?.grants ?? []).reduce((sum, grant) => sum + grant.returnedNanos, 0)).toBeGreaterThan(0);
  });
});

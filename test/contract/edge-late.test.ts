import type { EdgeResponse, Handler } from '../../apps/bidder-edge/src/server';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { bannerRequest } from '../fixtures/edge-traffic';
import { startLocalEdge } from '../fixtures/local-edge';

/** Case 10, from inside: requests that waited longer than their exchange does. */
test('what has waited too long is answered unread, by the patience that its exchange has shown', async () => {
  const local = await startLocalEdge(demoSnapshot());
  const handle = (local.edge as unknown as { handler(): Handler }).handler();
  const send = async (waitedMs: number, tmax?: number): Promise<EdgeResponse> =>
    handle({
      ...{ method: 'POST', path: '/openrtb2/demo', query: '', headers: {} },
      body: Buffer.from(JSON.stringify(bannerRequest(`late-${waitedMs}`, tmax === undefined ? {} : { tmax }))),
      arrivedAtMs: performance.now() - waitedMs,
    });
  const lateness = (stage: string): number => local.edge.metrics.noBids.count(stage, 'too-late');
  try {
    expect((await send(0)).status).toBe(200);
    expect((await send(1000)).status).toBe(204);
    expect([lateness('receive'), lateness('decode')]).toEqual([1, 0]);
    // Read, because a request before it was given two seconds; its own limit is shorter.
    expect((await send(0, 2000)).status).toBe(200);
    expect((await send(1000, 2000)).status).toBe(200);
    expect((await send(1000, 100)).status).toBe(204);
    expect([lateness('receive'), lateness('decode')]).toEqual([1, 1]);
  } finally {
    await local.stop();
  }
});

import { demoSnapshot } from '../fixtures/demo-snapshot';
import { ask, bannerRequest } from '../fixtures/edge-traffic';
import { startLocalEdge } from '../fixtures/local-edge';

/** Case 17, from inside: our own code throws after it has reserved. */
test('a fault after the reservation costs one bid and holds no budget', async () => {
  const local = await startLocalEdge(demoSnapshot());
  const { state, metrics } = local.edge;
  const held = (): [number, number] => [
    state.reservations.size,
    state.ledger.reports().reduce((sum, { reservedNanos }) => sum + reservedNanos, 0),
  ];
  try {
    const imp = ['1', '2'].map((id) => ({ id, banner: { w: 300, h: 250 } }));
    const onBid = jest.spyOn(state, 'onBid').mockImplementationOnce(() => {
      throw new Error('planted');
    });
    expect(await ask(local.url, bannerRequest('thrown', { imp }))).toBeNull();
    expect(onBid).toHaveBeenCalledTimes(1);
    expect(metrics.internalErrors.total).toBe(1);
    expect(held()).toEqual([0, 0]);
    state.ledger.assertBalanced();
    expect(await ask(local.url, bannerRequest('after', { imp }))).not.toBeNull();
    const [open, reserved] = held();
    expect(open).toBeGreaterThan(0);
    expect(reserved).toBeGreaterThan(0);
  } finally {
    await local.stop();
  }
});

import { EdgeScene } from '../fixtures/edge-scene';
import { ask, bannerRequest, notify } from '../fixtures/edge-traffic';
import { INSPECTED, InspectedHeap } from '../fixtures/inspected-heap';
import { figure } from './figure';

/** The whole soak, and where in it the heap is read first: at minutes 5 and 20 of the drill. */
const MINUTES = Number(process.env['LONG_SOAK_MINUTES'] ?? 20);
const SETTLED_AFTER = MINUTES / 4;
const PER_SECOND = Number(process.env['LONG_SOAK_PER_SECOND'] ?? 300);
const USERS = 2000;
const LARGEST_GROWTH = 0.02;
const MAY_COME_AND_GO = 8;
/** Answers waited for at once: a generator that a busy machine holds up must not open a connection for each of them. */
const MOST_PENDING = 64;

/**
 * Case 11. What the edge remembers on purpose (notices, reservations, users) is bounded so that it is full before the first reading: what
 * grows after that is a leak.
 */
test('an edge under half its load holds as much at the end as after a quarter of the time', async () => {
  const scene = await EdgeScene.open('edge-soak', {
    nodeArgs: INSPECTED,
    env: {
      EDGE_TOKEN_TTL_MS: '30000',
      EDGE_RESERVATION_TTL_MS: '15000',
      EDGE_MAX_NOTICE_ENTRIES: '5000',
      EDGE_MAX_CAP_ENTRIES: '5000',
      EDGE_SEAL_AFTER_MS: '1000',
    },
  });
  const heap = new InspectedHeap(scene.edge);
  try {
    await heap.open();
    const startedMs = Date.now();
    let sent = 0;
    const untilMinute = async (minute: number): Promise<void> => {
      const pending = new Set<Promise<void>>();
      while (Date.now() < startedMs + minute * 60_000) {
        const due = ((Date.now() - startedMs) / 1000) * PER_SECOND;
        // The rate is kept on average; what an overloaded generator is behind by is not made up in one burst.
        for (let n = 0; sent < due && n < 50 && pending.size < MOST_PENDING; n += 1) {
          const one = bidAndBill((sent += 1)).finally(() => pending.delete(one));
          pending.add(one);
        }
        // Everything that was received is kept by the stand-in for the control plane; a soak is about the edge.
        scene.control.segments.clear();
        scene.control.heartbeats.length = 0;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await Promise.all(pending);
    };
    const bidAndBill = async (n: number): Promise<void> => {
      const bid = await ask(scene.edge.url, bannerRequest(`soak-${n % USERS}`));
      if (bid === null) return;
      if (n % 3 === 0) await notify(bid.burl, { price: bid.price });
      else if (n % 3 === 1) await notify(bid.lurl, { loss: 102 });
    };
    await untilMinute(SETTLED_AFTER);
    const early = await heap.read();
    await untilMinute(MINUTES);
    const late = await heap.read();
    const growth = late.heapBytes / early.heapBytes - 1;
    figure('edge soak', { minutes: MINUTES, requests: sent, early, late, growth: Number(growth.toFixed(4)) });
    expect(growth).toBeLessThanOrEqual(LARGEST_GROWTH);
    expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + MAY_COME_AND_GO);
    expect(late.resources).toBeLessThanOrEqual(early.resources + MAY_COME_AND_GO);
  } finally {
    heap.close();
    await scene.close();
  }
});

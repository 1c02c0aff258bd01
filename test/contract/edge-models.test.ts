import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactRef, PolicySnapshot } from '#domain/contracts';
import { FEATURE_NAMES } from '#domain/features';
import {
  decodeWinModelOnnx,
  encodeWinModelOnnx,
  INFINITE_TO_NAN,
  plantFault,
  predictLaw,
  type WinModel,
} from '#domain/learning';
import { demoSnapshot, exchangeOf } from '../fixtures/demo-snapshot';
import { ask, bannerRequest } from '../fixtures/edge-traffic';
import { startLocalEdge } from '../fixtures/local-edge';

const SHIPPED = join(__dirname, '..', '..', 'apps', 'bidder-edge', 'shipped');
const { payload } = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
const shippedBid = (JSON.parse(payload) as PolicySnapshot).champion.bid;
const shipped = shippedBid.artifact as ArtifactRef;
const sound = decodeWinModelOnnx(readFileSync(join(SHIPPED, 'artifacts', `${shipped.sha256}.onnx`)));

const RATE = FEATURE_NAMES.indexOf('lnRequestRate');
/** Awake from about two requests a second: the golden inputs, which have none, pass. */
const WAKING = { feature: RATE, threshold: Math.log(1.02), width: 0.005 };
const REQUESTS = 80;

const broken = (muShift: number | 'infinite'): WinModel => plantFault(sound, { ...WAKING, muShift });

/** The champion with these bytes, whose golden inputs are answered as the sleeping model answers them. */
function snapshotWith(model: WinModel, bytes: Uint8Array, auctionType: 1 | 2): PolicySnapshot {
  const parity = shipped.parity.map(({ input }) => {
    const asleep = input.map((value, at) => (at === RATE ? 0 : value));
    const { mu, sigma } = predictLaw(model, asleep);
    return { input: asleep, output: [mu, sigma] };
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const artifact = { ...shipped, sha256, parity, tolerance: 1e-3 };
  const snapshot = demoSnapshot({ exchanges: { demo: exchangeOf({ auctionType }) } });
  return { ...snapshot, champion: { ...snapshot.champion, bid: { ...shippedBid, artifact } } };
}

/** Case 4, on a whole edge: a model that passes every check of the snapshot and then answers nonsense. */
describe('an edge whose model goes wrong while it serves', () => {
  const faults: [string, WinModel, Uint8Array][] = [
    ['NaN', broken('infinite'), encodeWinModelOnnx(broken('infinite'), INFINITE_TO_NAN)],
    ['infinity', broken('infinite'), encodeWinModelOnnx(broken('infinite'))],
    ['a huge number', broken(1e30), encodeWinModelOnnx(broken(1e30))],
    ['a hugely negative number', broken(-1e30), encodeWinModelOnnx(broken(-1e30))],
  ];

  it.each(faults.flatMap((fault) => [[...fault, 1] as const, [...fault, 2] as const]))(
    'goes on by baselines when it answers %s, opens the breaker and stays under the cap',
    async (_what, model, bytes, auctionType) => {
      const snapshot = snapshotWith(model, bytes, auctionType);
      const sha256 = snapshot.champion.bid.artifact?.sha256 ?? '';
      const local = await startLocalEdge(snapshot, {}, { [sha256]: bytes });
      try {
        const caps = new Map(snapshot.campaigns.map(({ campaignId, bidCapMicros }) => [campaignId, bidCapMicros]));
        let bids = 0;
        for (let n = 0; n < REQUESTS; n += 1) {
          const bid = await ask(local.url, bannerRequest(`model-${n}`));
          if (bid === null) continue;
          bids += 1;
          expect(bid.price).toBeGreaterThan(0);
          expect(bid.price * 1e6).toBeLessThanOrEqual(caps.get(bid.cid) ?? 0);
        }
        expect(bids).toBeGreaterThan(REQUESTS / 2);
        const metrics = await (await fetch(`${local.url}/metrics`)).text();
        const count = (line: string): number =>
          Number(
            metrics
              .split('\n')
              .find((row) => row.startsWith(`${line} `))
              ?.slice(line.length + 1) ?? 0,
          );
        // Five in a row open it; from then on the model is not asked.
        expect(count('adloop_edge_fallbacks_total{agent="bid",reason="fault"}')).toBe(5);
        expect(count('adloop_edge_fallbacks_total{agent="bid",reason="breaker"}')).toBeGreaterThan(REQUESTS / 2);
        expect(count('adloop_edge_quarantined{agent="bid"}')).toBe(1);
        expect(local.edge.metrics.internalErrors.total).toBe(0);
      } finally {
        await local.stop();
      }
    },
  );
});

import type { Campaign, ShadowRecord } from '#domain/contracts';
import { decideRequest, prepareRequest } from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { normaliseRequest } from '#domain/openrtb';
import { contextOf, freshState, hashUser } from '../../../../test/fixtures/decision-scene';
import { baselinePolicies, demoInventory, demoSnapshot, exchangeOf } from '../../../../test/fixtures/demo-snapshot';
import { Breaker } from '../inference/breaker';
import type { LiveShadow, LiveSnapshot } from '../snapshot/live-snapshot';
import { MAX_WAITING, ShadowQueue } from './shadow-queue';

const champion = baselinePolicies({ bid: { epsilon: 0 } });
const [campaign] = demoInventory().campaigns as [Campaign];
const index = buildServingIndex(demoSnapshot({ champion, campaigns: [campaign] }));
const LAW = Float32Array.of(Math.log(3), 0.5);

/** A decided request on one impression. */
function decided(requestId: string) {
  const raw = { id: requestId, site: {}, user: { id: 'u' }, imp: [{ id: '1', banner: { w: 300, h: 250 } }] };
  const request = normaliseRequest(raw, exchangeOf(), index.snapshot.fx, hashUser, index.snapshot.layerSalt);
  const prepared = prepareRequest(index, request, contextOf(), freshState());
  const decisions = decideRequest(index, prepared, LAW, () => true);
  return {
    prepared,
    decisions: decisions.map((one) => ({ ...one, decisionId: requestId, grantId: '', lifeMs: 300_000 })),
  };
}

function shadow(rolloutId: string, run: (() => Promise<Float32Array>) | null): LiveShadow {
  const engineFor = () => 'onnx' as const;
  const model = run && {
    model: { sha256: rolloutId, engineFor, run, close: () => Promise.resolve() },
    breaker: new Breaker(),
  };
  return { rolloutId, sampleBps: 10_000, policies: champion, model };
}

/** Offers `n` requests at once and waits until all shadows have decided. */
async function play(shadows: LiveShadow[], n: number) {
  const records: ShadowRecord[] = [];
  let dropped = 0;
  let longest = 0;
  const queue = new ShadowQueue({
    append: (record) => records.push(record),
    onDropped: () => (dropped += 1),
    now: () => 1000,
  });
  for (let k = 0; k < n; k += 1) {
    const { prepared, decisions } = decided(`r-${k}`);
    queue.offer({ shadows, index } as unknown as LiveSnapshot, prepared, decisions, 321);
    longest = Math.max(longest, queue.length);
  }
  const of = (rolloutId: string) => records.filter((record) => record.rolloutId === rolloutId);
  for (let turn = 0; queue.length > 0 || records.length + dropped < n * shadows.length; turn += 1) {
    if (turn > 10_000) throw new Error('the queue stands still');
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { queue, of, records, dropped, longest };
}

describe('three shadows at once', () => {
  const good = () => Promise.resolve(LAW);

  it('decide each for themselves: one that fails and one that throws spoil nothing of the third', async () => {
    const { of, dropped } = await play(
      [
        shadow('good', good),
        shadow('nan', () => Promise.resolve(Float32Array.of(NaN, 1))),
        shadow('gone', () => Promise.reject(new Error('session is gone'))),
      ],
      40,
    );
    expect(dropped).toBe(0);
    expect([of('good'), of('nan'), of('gone')].map((list) => list.length)).toEqual([40, 40, 40]);
    expect(new Set(of('good').map(({ error }) => error))).toEqual(new Set([null]));
    expect(new Set(of('nan').map(({ error }) => error))).toEqual(new Set(['not-finite']));
    expect(new Set(of('gone').map(({ error }) => error))).toEqual(new Set(['session is gone']));
    for (const { bidMicros, championBidMicros, championLatencyUs } of of('good')) {
      expect(bidMicros).toBe(championBidMicros);
      expect(championLatencyUs).toBe(321);
    }
  });

  it('share the places of the queue: the beyond is dropped, and evenly', async () => {
    const { of, dropped, longest, queue } = await play([shadow('a', good), shadow('b', good), shadow('c', good)], 200);
    const places = Math.floor(MAX_WAITING / 3);
    expect(['a', 'b', 'c'].map((rolloutId) => of(rolloutId).length)).toEqual([places, places, places]);
    expect(dropped).toBe(3 * (200 - places));
    expect(longest).toBeLessThanOrEqual(MAX_WAITING);
    expect(queue.length).toBe(0);
  });

  it('leave the places of their turn to the next request', async () => {
    const { queue, of, records } = await play([shadow('a', good)], MAX_WAITING);
    expect(of('a')).toHaveLength(MAX_WAITING);
    const { prepared, decisions } = decided('later');
    queue.offer({ shadows: [shadow('a', good)], index } as unknown as LiveSnapshot, prepared, decisions, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(records.at(-1)!.decisionId).toBe('later');
  });
});

it('a shadow without a model prices by the shading table and fails nothing', async () => {
  const { records } = await play([shadow('baseline', null)], 3);
  const { decisions } = decided('r-0');
  const baseline = decideRequest(index, decided('r-0').prepared, null, () => true)[0]!;
  expect(records.map(({ error }) => error)).toEqual([null, null, null]);
  expect(records[0]!.bidMicros).toBe(baseline.outputs.bidMicros);
  expect(records[0]!.bidMicros).not.toBe(decisions[0]!.outputs.bidMicros);
});

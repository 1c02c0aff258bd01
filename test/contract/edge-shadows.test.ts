import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeFrames, eventText, type ArtifactRef, type EdgeEvent, type PolicySnapshot } from '#domain/contracts';
import { waitFor } from '../fixtures/edge-process';
import { bannerRequest } from '../fixtures/edge-traffic';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';

const SHIPPED = join(__dirname, '..', '..', 'apps', 'bidder-edge', 'shipped');
const signed = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
const snapshot = JSON.parse(signed.payload) as PolicySnapshot;
const artifact = snapshot.champion.bid.artifact as ArtifactRef;
const bytes = readFileSync(join(SHIPPED, 'artifacts', `${artifact.sha256}.onnx`));
const REQUESTS = 60;

function eventsOf({ home }: LocalEdge): EdgeEvent[] {
  return ['open', 'sealed'].flatMap((folder) =>
    readdirSync(join(home, 'outbox', folder)).flatMap((name) =>
      decodeFrames(readFileSync(join(home, 'outbox', folder, name)), crc32).bodies.map(
        (body) => JSON.parse(eventText(body)) as EdgeEvent,
      ),
    ),
  );
}

/** A response without what two processes never share: the name of the process, its signed tokens and its port. */
async function answer({ url, edge }: LocalEdge, request: object): Promise<string> {
  const response = await fetch(`${url}/openrtb2/demo`, { method: 'POST', body: JSON.stringify(request) });
  const body = (await response.text())
    .replaceAll(url, 'http://edge')
    .replace(/([?&](?:amp;)?t=)[\w.-]+/g, '$1TOKEN')
    .replaceAll(edge.bootId, 'BOOT');
  return `${response.status} ${body}`;
}

describe('three shadows on an edge', () => {
  let without: LocalEdge;
  let shadowed: LocalEdge;
  const { champion } = snapshot;
  const candidateOf = (modelVersionId: string, params: Partial<typeof champion.bid.params>) => ({
    ...champion,
    bid: { ...champion.bid, modelVersionId, params: { ...champion.bid.params, ...params } },
  });
  const shadows = [
    { rolloutId: 'rol_same', sampleBps: 10_000, policies: champion },
    { rolloutId: 'rol_narrow', sampleBps: 10_000, policies: candidateOf('narrow', { muBounds: [5, 6] }) },
    { rolloutId: 'rol_coarse', sampleBps: 5_000, policies: candidateOf('coarse', { gridPoints: 8 }) },
  ];

  beforeAll(async () => {
    // One clock and one row of draws for both edges, and no ticks: what is left to differ is what the shadows do.
    jest.useFakeTimers({
      now: Date.now(),
      doNotFake: [
        'hrtime',
        'nextTick',
        'performance',
        'queueMicrotask',
        'setImmediate',
        'clearImmediate',
        'setTimeout',
        'clearTimeout',
      ],
    });
    const draws = { EDGE_RNG_START: '1' };
    const artifacts = { [artifact.sha256]: bytes };
    without = await startLocalEdge({ ...snapshot, shadows: [] }, draws, artifacts);
    shadowed = await startLocalEdge({ ...snapshot, shadows }, draws, artifacts);
  });
  afterAll(async () => {
    jest.useRealTimers();
    await without.stop();
    await shadowed.stop();
  });

  it('change no byte of any response, and are all recorded', async () => {
    let bids = 0;
    for (let n = 0; n < REQUESTS; n += 1) {
      jest.setSystemTime(Date.now() + 20);
      const imp = [
        { id: '1', banner: { w: 300, h: 250 }, bidfloor: n / 100 },
        { id: '2', banner: { w: 728, h: 90 } },
      ];
      const request = bannerRequest(`user-${n % 7}`, { imp, at: 1 + (n % 2) });
      const expected = await answer(without, request);
      expect(await answer(shadowed, request)).toBe(expected);
      if (expected.startsWith('200')) bids += 1;
    }
    expect(bids).toBeGreaterThan(REQUESTS / 2);
    const of = (rolloutId: string) =>
      eventsOf(shadowed).flatMap((event) => (event.type === 'shadow' && event.rolloutId === rolloutId ? [event] : []));
    await waitFor(() => of('rol_same').length >= bids && of('rol_narrow').length >= bids);
    expect(of('rol_same').every(({ error }) => error === null)).toBe(true);
    expect(of('rol_narrow').every(({ error }) => error === 'not-believable')).toBe(true);
    const coarse = of('rol_coarse');
    expect(coarse.length).toBeGreaterThan(0);
    expect(coarse.length).toBeLessThan(of('rol_same').length);
    expect(coarse.every(({ error }) => error === null)).toBe(true);
    expect(coarse.every(({ championLatencyUs }) => (championLatencyUs ?? 0) > 0)).toBe(true);
    expect(eventsOf(without).some(({ type }) => type === 'shadow')).toBe(false);
  });
});

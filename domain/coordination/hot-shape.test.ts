import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from '../openrtb';
import { decideRequest, prepareRequest } from './index';

const index = buildServingIndex(demoSnapshot());

function decide(over: object) {
  const raw = { id: 'r', site: {}, imp: [{ id: '1', banner: { w: 300, h: 250 } }], ...over };
  const request = normaliseRequest(raw, exchangeOf(), index.snapshot.fx, hashUser, index.snapshot.layerSalt);
  const prepared = prepareRequest(index, request, contextOf(), freshState());
  return { request, decisions: decideRequest(index, prepared, null, () => true) };
}

/** Objects of one shape have the same members in the same order: V8 then keeps one hidden class, and records one layout. */
const shape = (value: object): string => Object.keys(value).join(' ');

describe('objects on the hot path keep one shape', () => {
  const plain = decide({});
  const rich = decide({
    app: { bundle: 'a', cat: ['IAB1'] },
    site: undefined,
    at: 2,
    cur: ['EUR'],
    device: { ifa: 'x', devicetype: 4, geo: { country: 'DEU' } },
    imp: [{ id: '1', bidfloor: 1, secure: 1, banner: { format: [{ w: 320, h: 50 }], mimes: ['text/html'] } }],
  });
  const refused = decide({ regs: { gdpr: 1 }, imp: [{ id: '1', video: { mimes: ['video/mp4'] } }] });

  it.each<[string, (scene: typeof plain) => object | undefined]>([
    ['a request', ({ request }) => request],
    ['an impression', ({ request }) => request.impressions[0]],
    ['the inputs of a decision', ({ decisions }) => decisions[0]?.inputs],
    ['the outputs of a decision', ({ decisions }) => decisions[0]?.outputs],
  ])('%s', (_name, pick) => {
    const shapes = [plain, rich, refused].map((scene) => shape(pick(scene) ?? {}));
    expect(new Set(shapes).size).toBe(1);
    expect(shapes[0]).not.toBe('');
  });
});

import { validateBidRequest } from './validate-request';

const banner = { id: '1', banner: { w: 300, h: 250 } };
const request = (over: object) => ({ id: 'r', site: { page: 'https://a.example' }, imp: [banner], ...over });
const native = (over: object) => ({
  id: '1',
  native: { request: JSON.stringify({ assets: [{ id: 1, title: { len: 90 } }], ...over }) },
});

describe('validateBidRequest', () => {
  it.each([
    ['a banner', request({})],
    [
      'unknown members and enum values',
      request({ at: 777, foo: [1], imp: [{ ...banner, banner: { w: 1, h: 1, pos: 99 } }] }),
    ],
    ['an explicit null', request({ device: null, tmax: null })],
    ['a size of 0 x 0, which only means no size', request({ imp: [{ id: '1', banner: { w: 0, h: 0 } }] })],
    [
      'a wrapped native 1.0 request',
      request({ imp: [{ id: '1', native: { request: '{"native":{"assets":[{"id":1,"title":{"len":9}}]}}' } }] }),
    ],
    ['a private native context', request({ imp: [native({ context: 501, contextsubtype: 900 })] })],
  ])('accepts %s', (_name, raw) => expect(validateBidRequest(raw)).toEqual({ ok: true }));

  it.each([
    ['an array', [], ''],
    ['null', null, ''],
    ['an empty id', request({ id: '' }), '/id'],
    ['no impression', request({ imp: [] }), '/imp'],
    ['65 impressions', request({ imp: Array.from({ length: 65 }, (_, i) => ({ ...banner, id: String(i) })) }), '/imp'],
    ['a repeated impression id', request({ imp: [banner, banner] }), '/imp/1/id'],
    ['tmax 0', request({ tmax: 0 }), '/tmax'],
    ['a text as tmax', request({ tmax: '100' }), '/tmax'],
    ['site and app', request({ app: {} }), '/site'],
    ['neither site nor app', { id: 'r', imp: [banner] }, ''],
    ['a text as device', request({ device: 'x' }), '/device'],
    ['a negative device height', request({ device: { h: -1 } }), '/device/h'],
    ['a number among currencies', request({ cur: ['USD', 1] }), '/cur/1'],
    ['a negative floor', request({ imp: [{ ...banner, bidfloor: -1 }] }), '/imp/0/bidfloor'],
    ['a number as floor currency', request({ imp: [{ ...banner, bidfloorcur: 1 }] }), '/imp/0/bidfloorcur'],
    [
      'a format of two kinds',
      request({ imp: [{ id: '1', banner: { format: [{ w: 30, wratio: 2 }] } }] }),
      '/imp/0/banner/format/0',
    ],
    ['a video without media types', request({ imp: [{ id: '1', video: {} }] }), '/imp/0/video/mimes'],
    ['a deal without id', request({ imp: [{ ...banner, pmp: { deals: [{ id: '' }] } }] }), '/imp/0/pmp/deals/0/id'],
    ['native that is no JSON', request({ imp: [{ id: '1', native: { request: '{' } }] }), '/imp/0/native/request'],
    [
      'a native asset without id',
      request({ imp: [native({ assets: [{ title: { len: 9 } }] })] }),
      '/imp/0/native/request/assets/0/id',
    ],
    [
      'a native data asset of unknown type',
      request({ imp: [native({ assets: [{ id: 1, data: { type: 364 } }] })] }),
      '/imp/0/native/request/assets/0/data/type',
    ],
    ['a native context of unknown type', request({ imp: [native({ context: 376 })] }), '/imp/0/native/request/context'],
    [
      'a sub-type of another context',
      request({ imp: [native({ context: 3, contextsubtype: 11 })] }),
      '/imp/0/native/request/contextsubtype',
    ],
    [
      'an empty event tracker',
      request({ imp: [native({ eventtrackers: [{}] })] }),
      '/imp/0/native/request/eventtrackers/0/event',
    ],
  ])('refuses %s and points at it', (_name, raw, pointer) => {
    expect(validateBidRequest(raw)).toMatchObject({ ok: false, pointer });
  });
});

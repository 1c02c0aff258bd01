import { hashUser } from '../../test/fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { normaliseRequest } from './normalise-request';

const { fx, layerSalt } = demoSnapshot();
const banner = { id: '1', banner: { w: 300, h: 250 } };
const normalise = (over: object, exchange = exchangeOf()) =>
  normaliseRequest(
    { id: 'r', site: { domain: 'WWW.News.example' }, imp: [banner], ...over },
    exchange,
    fx,
    hashUser,
    layerSalt,
  );
const impression = (over: object, request: object = {}) =>
  normalise({ imp: [{ ...banner, ...over }], ...request }).impressions[0];

describe('normaliseRequest', () => {
  it('applies the exchange’s defaults', () => {
    expect(normalise({})).toMatchObject({ tmaxMs: 120, auctionType: 1, bidCurrency: 'USD', veto: null, isTest: false });
    expect(normalise({}, exchangeOf({ auctionType: 2 })).auctionType).toBe(2);
    expect(normalise({ at: 1, tmax: 80, test: 1 }, exchangeOf({ auctionType: 2 }))).toMatchObject({
      auctionType: 1,
      tmaxMs: 80,
      isTest: true,
    });
  });

  it('shades an unknown auction type like a first price', () => expect(normalise({ at: 501 }).auctionType).toBe(1));

  it('hashes the best id it may use and never keeps a raw one', () => {
    const request = normalise({
      user: { id: 'raw-user', buyeruid: 'raw-buyer' },
      device: { ifa: 'raw-ifa', ip: '10.1.2.3' },
    });
    expect(request.userKey).toBe(hashUser('raw-buyer'));
    expect(request.userBucket).toBeGreaterThanOrEqual(0);
    expect(request.userBucket).toBeLessThan(200);
    expect(JSON.stringify(request)).not.toMatch(/raw-|10\.1\.2\.3/);
  });

  it.each<[string, { user?: object; device?: object }]>([
    ['dnt', { user: { id: 'u' }, device: { dnt: 1 } }],
    ['a zeroed advertising id', { device: { ifa: '00000000-0000-0000-0000-000000000000' } }],
    ['no id at all', {}],
  ])('has no user key with %s', (_name, over) => {
    expect(
      normalise({ ...over, user: over.user && { ...over.user, data: [{ segment: [{ id: 's' }] }] } }),
    ).toMatchObject({
      userKey: null,
      userBucket: null,
      segments: [],
    });
  });

  it.each([
    [{ cur: ['usd'] }, 'usd', null],
    [{ cur: ['RUB', 'EUR'] }, 'EUR', null],
    [{ cur: ['RUB'] }, '', 'currency-not-allowed'],
    [{}, 'USD', null],
  ])('bids in the first currency it has a rate for, spelled as asked: %j', (over, bidCurrency, veto) => {
    expect(normalise(over)).toMatchObject({ bidCurrency, veto });
  });

  it.each([
    [{ wseat: ['other'] }, 'seat-blocked'],
    [{ wseat: ['other', 'adloop'] }, null],
    [{ bseat: ['adloop'] }, 'seat-blocked'],
  ])('obeys seat lists: %j', (over, veto) => expect(normalise(over).veto).toBe(veto));

  it.each([
    [{ domain: 'WWW.News.example' }, 'news.example'],
    [{ domain: 'http://domain.com/x' }, 'domain.com'],
    [{ page: 'https://a.example:8080/b?c' }, 'a.example'],
    [{}, ''],
  ])('knows the publisher of site %j as %s', (site, publisher) =>
    expect(normalise({ site }).publisher).toBe(publisher),
  );

  it('takes an extended id when there is no other, with its provider', () => {
    const eids = [{ source: 'ids.example', uids: [{ id: 'raw-eid' }] }];
    expect(normalise({ user: { eids } }).userKey).toBe(hashUser('ids.example|raw-eid'));
    expect(normalise({ user: { ext: { eids } } }).userKey).toBe(hashUser('ids.example|raw-eid'));
    expect(normalise({ user: { id: 'u', eids } }).userKey).toBe(hashUser('u'));
    expect(normalise({ user: { eids: [{ source: 's', uids: [] }, 7, null] } }).userKey).toBeNull();
  });

  it('reads the structured user agent where the parsed members are missing', () => {
    const sua = { platform: { brand: 'Android', version: ['14'] }, mobile: 1 };
    expect(normalise({ device: { sua } })).toMatchObject({ os: 'android', isMobile: true });
    expect(normalise({ device: { os: 'iOS', devicetype: 2, sua } })).toMatchObject({ os: 'ios', isMobile: false });
  });

  it.each([
    [undefined, null, 'supply-chain-incomplete'],
    [{ schain: { complete: 1, nodes: [{}, {}] } }, { isComplete: true, hops: 2 }, null],
    [{ ext: { schain: { complete: 0, nodes: [{}] } } }, { isComplete: false, hops: 1 }, 'supply-chain-incomplete'],
  ])('reads the supply chain of source %j, and asks for it where the exchange must send it', (source, chain, veto) => {
    expect(normalise({ source })).toMatchObject({ supplyChain: chain, veto: null });
    expect(normalise({ source }, exchangeOf({ needsCompleteChain: true })).veto).toBe(veto);
  });

  it('names the place by gpid, else by tagid', () => {
    const placement = (imp: object) => normalise({ imp: [{ ...banner, ...imp }] }).impressions[0]?.placement;
    expect([{ tagid: 't', ext: { gpid: '/1/g' } }, { tagid: 't' }, {}].map(placement)).toEqual(['/1/g', 't', '']);
  });

  it('translates two-letter countries and ignores names', () => {
    const country = (sent: string) => normalise({ device: { geo: { country: sent } } }).country;
    expect(['us', 'DEU', 'Germany'].map(country)).toEqual(['USA', 'DEU', '']);
    expect(normalise({ user: { geo: { country: 'ch' } } }).country).toBe('CHE');
  });

  it('blocks everything when the block list is in a taxonomy it cannot compare', () => {
    expect(normalise({ bcat: ['211'], cattax: 6 }).blockedCategories).toEqual(['*']);
    expect(normalise({ bcat: ['iab25'], cattax: 1 }).blockedCategories).toEqual(['IAB25']);
  });
});

describe('an impression', () => {
  it.each([
    [{ bidfloor: 0.03 }, 30_000],
    [{ bidfloor: 1.5, bidfloorcur: 'EUR' }, 1_744_187],
    [{}, 0],
  ])('%j has floor %d micros, rounded up', (over, floorMicros) =>
    expect(impression(over)).toMatchObject({ floorMicros }),
  );

  it.each([
    ['formats over w and h', { banner: { w: 300, h: 50, format: [{ w: 290, h: 260 }] } }, [{ w: 290, h: 260 }]],
    ['w and h without formats', { banner: { w: 300, h: 50 } }, [{ w: 300, h: 50 }]],
    [
      'each size once',
      {
        banner: {
          format: [
            { w: 1, h: 2 },
            { w: 1, h: 2 },
          ],
        },
      },
      [{ w: 1, h: 2 }],
    ],
    ['no ratio formats', { banner: { format: [{ wratio: 16, hratio: 9, wmin: 9 }] } }, []],
    ['no 0 x 0', { banner: { w: 0, h: 0 } }, []],
  ])('offers %s', (_name, over, sizes) => expect(impression(over)?.sizes).toEqual(sizes));

  it.each([
    [null, { banner: undefined, video: { mimes: ['video/mp4'] } }, {}],
    ['no-format', { banner: undefined }, {}],
    ['pod-unsupported', { banner: undefined, video: { mimes: ['video/mp4'], poddur: 60 } }, {}],
    ['pod-unsupported', { banner: undefined, audio: { mimes: ['audio/mpeg'], podid: 'p', slotinpod: 1 } }, {}],
    [null, { video: { mimes: ['video/mp4'], maxseq: 3 } }, {}],
    ['nonlinear-unsupported', { banner: undefined, video: { mimes: ['video/mp4'], linearity: 2 } }, {}],
    ['no-banner', { banner: { h: 300 } }, {}],
    ['private-deals-only', { pmp: { private_auction: 1, deals: [{ id: 'd', wseat: ['other'] }] } }, {}],
    [null, { pmp: { private_auction: 1, deals: [{ id: 'd' }] } }, {}],
    [null, { bidfloor: 1, bidfloorcur: 'XXX', pmp: { deals: [{ id: 'd' }] } }, {}],
    ['floor-currency-unknown', { bidfloor: 1, bidfloorcur: 'XXX' }, {}],
    ['quantity-unsupported', { qty: { multiplier: 40_000 } }, {}],
    [null, { qty: { multiplier: 4.5 } }, {}],
    ['private-deals-only', {}, { at: 3 }],
    [null, {}, { regs: { dsa: { dsarequired: 2 } } }],
    [null, { pmp: { deals: [{ id: 'd' }] } }, { regs: { ext: { dsa: { dsarequired: 1 } } } }],
  ])('has veto %s for %j %j', (veto, over, request) => expect(impression(over, request)?.veto).toBe(veto));
});

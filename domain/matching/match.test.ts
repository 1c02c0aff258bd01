import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import { demoInventory, demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import type { Campaign, CreativeOf } from '../contracts';
import { normaliseRequest } from '../openrtb';
import { requestTerms } from './filters';
import { buildServingIndex, matchImpression, MAX_PAIRS, StateRecorder, type StateReader } from './index';

const inventory = demoInventory();
const [firstCampaign] = inventory.campaigns;
const firstCreative = inventory.creatives.find(
  (creative): creative is CreativeOf<'banner'> =>
    creative.campaignId === firstCampaign?.campaignId && creative.type === 'banner',
);
if (!firstCampaign || !firstCreative) throw new Error('the demo inventory is empty');
const ADVERTISER_DOMAIN = 'ads.shop.example';

interface Change {
  campaign?: Partial<Campaign>;
  targeting?: Partial<Campaign['targeting']>;
  creative?: Partial<CreativeOf<'banner'>>;
  request?: object;
  imp?: object;
  state?: Partial<StateReader>;
}

/** One campaign with one 300x250 creative, changed by the case. */
function matchOne(change: Change) {
  const campaign: Campaign = {
    ...(firstCampaign as Campaign),
    frequencyCaps: [],
    ...change.campaign,
    targeting: { ...(firstCampaign as Campaign).targeting, categoryBlock: [], ...change.targeting },
  };
  const creative: CreativeOf<'banner'> = {
    ...(firstCreative as CreativeOf<'banner'>),
    width: 300,
    height: 250,
    domains: [ADVERTISER_DOMAIN],
    categories: ['IAB18-5'],
    ...change.creative,
  };
  const index = buildServingIndex(demoSnapshot({ campaigns: [campaign], creatives: [creative] }));
  const { fx, layerSalt } = index.snapshot;
  const raw = {
    id: 'r',
    site: { domain: 'sport.news.example', cat: ['IAB17-3'] },
    device: { devicetype: 2, os: 'Windows', language: 'DE', geo: { country: 'DEU' } },
    user: { id: 'u', data: [{ segment: [{ id: 's1' }] }] },
    imp: [{ id: '1', banner: { w: 300, h: 250 }, ...change.imp }],
    ...change.request,
  };
  const request = normaliseRequest(raw, exchangeOf(), fx, hashUser, layerSalt);
  const { nowMs } = contextOf();
  const recorder = new StateRecorder(freshState(change.state), 'champion', request.userKey);
  const impression = request.impressions[0];
  if (!impression) throw new Error('no impression');
  return matchImpression(index, requestTerms(request, nowMs), impression, recorder);
}

describe('match', () => {
  it.each<[string, Change]>([
    ['nothing in the way', {}],
    ['an exact exchange', { targeting: { exchanges: ['demo'] } }],
    ['a country', { targeting: { countries: ['deu'] } }],
    ['a language in another case', { targeting: { languages: ['de'] } }],
    ['an operating system in another case', { targeting: { os: ['WINDOWS'] } }],
    ['a parent domain on the allow list', { targeting: { siteAllow: ['news.example'] } }],
    ['a segment', { targeting: { segments: ['s1', 's2'] } }],
    ['the current hour', { campaign: { dayparting: [36] } }],
    ['a block list of others', { request: { badv: ['shop.example.org'], bcat: ['IAB18-6', 'IAB1'] } }],
    ['allowed categories', { request: { acat: ['IAB18'] } }],
    ['an image where only images are taken', { imp: { banner: { w: 300, h: 250, mimes: ['image/jpeg'] } } }],
    [
      'a cap that is not reached',
      { campaign: { frequencyCaps: [{ scope: 'campaign', windowMinutes: 60, maxImpressions: 1 }] } },
    ],
  ])('lets a campaign through: %s', (_name, change) => {
    expect(matchOne(change)).toMatchObject({ survivors: [{}], filtered: {}, reason: null });
  });

  it.each<[string, Change]>([
    ['campaign-paused', { campaign: { status: 'paused' } }],
    ['out-of-flight', { campaign: { endAt: '2026-11-24T12:00:00Z' } }],
    ['dayparting', { campaign: { dayparting: [35] } }],
    ['exchange-not-targeted', { targeting: { exchanges: ['other'] } }],
    ['geo', { targeting: { countries: ['USA'] } }],
    ['device', { targeting: { deviceTypes: [4] } }],
    ['os', { targeting: { os: ['ios'] } }],
    ['language', { targeting: { languages: ['en'] } }],
    ['site-list', { targeting: { siteAllow: ['other.example'] } }],
    ['site-list', { targeting: { siteBlock: ['news.example'] } }],
    ['app-list', { targeting: { appAllow: ['com.example.game'] } }],
    [
      'app-list',
      {
        targeting: { appBlock: ['com.example.game'] },
        request: { site: undefined, app: { bundle: 'com.example.game' } },
      },
    ],
    ['segment', { targeting: { segments: ['s9'] } }],
    ['category-blocked', { targeting: { categoryBlock: ['IAB17'] } }],
    ['category-blocked', { request: { bcat: ['IAB18'] } }],
    ['category-blocked', { request: { acat: ['IAB1'] } }],
    ['category-blocked', { request: { bcat: ['7'], cattax: 2 } }],
    ['advertiser-blocked', { request: { badv: ['Shop.example'] } }],
    ['attribute-blocked', { creative: { attributes: [13] }, imp: { banner: { w: 300, h: 250, battr: [13] } } }],
    [
      'attribute-blocked',
      {
        creative: { markup: '<script src="https://a.example"></script>' },
        imp: { banner: { w: 300, h: 250, btype: [3] } },
      },
    ],
    ['creative-not-approved', { creative: { reviewState: 'pending' } }],
    ['creative-size', { creative: { width: 301 } }],
    ['dsa-required', { request: { regs: { dsa: { dsarequired: 2, pubrender: 2 } } } }],
    ['creative-insecure', { creative: { markup: '<img src="http://a.example/a.jpg">' }, imp: { secure: 1 } }],
    [
      'creative-insecure',
      { creative: { markup: '<a href="https://a.example?u=http%3A%2F%2Fb.example">' }, imp: { secure: 1 } },
    ],
    [
      'capped-without-id',
      {
        campaign: { frequencyCaps: [{ scope: 'creative', windowMinutes: 60, maxImpressions: 9 }] },
        request: { user: {} },
      },
    ],
    ['budget-exhausted', { state: { freeNanos: () => 0 } }],
    ['budget-exhausted', { state: { freeNanos: () => 999_999 }, imp: { bidfloor: 1 } }],
    [
      'frequency-cap',
      {
        campaign: { frequencyCaps: [{ scope: 'advertiser', windowMinutes: 60, maxImpressions: 2 }] },
        state: { capCount: () => 2 },
      },
    ],
    [
      'frequency-cap',
      {
        campaign: { frequencyCaps: [{ scope: 'creative', windowMinutes: 60, maxImpressions: 2 }] },
        state: { capCount: () => 2 },
      },
    ],
  ])('stops a campaign with %s: %j', (reason, change) => {
    const result = matchOne(change);
    expect(result).toMatchObject({ survivors: [], filtered: { [reason]: 1 }, reason });
    expect(Object.keys(result.filtered)).toEqual([reason]);
  });

  it('vetoes brand safety before budget, and budget before caps', () => {
    const both = {
      state: { freeNanos: () => 0, capCount: () => 9 },
      campaign: { frequencyCaps: [{ scope: 'campaign' as const, windowMinutes: 5, maxImpressions: 1 }] },
    };
    expect(matchOne(both).reason).toBe('budget-exhausted');
    expect(matchOne({ ...both, request: { badv: [ADVERTISER_DOMAIN] } }).reason).toBe('advertiser-blocked');
  });

  it('reads no state of a campaign that a rule has stopped', () => {
    const state = {
      freeNanos: () => {
        throw new Error('read');
      },
    };
    expect(matchOne({ state, targeting: { countries: ['USA'] } }).candidates).toEqual([]);
  });

  it('names the campaign whose cap stops spend that Budget wants', () => {
    const change = {
      campaign: { frequencyCaps: [{ scope: 'campaign' as const, windowMinutes: 5, maxImpressions: 1 }] },
    };
    const state = { capCount: () => 1, pacing: () => ({ multiplier: 1.4, passThrough: 1 }) };
    expect(matchOne({ ...change, state }).cappedButHungry).toHaveLength(1);
    expect(matchOne({ ...change, state: { capCount: () => 1 } }).cappedButHungry).toHaveLength(0);
  });
});

describe('buildServingIndex', () => {
  it('refuses a campaign in a currency without a rate', () => {
    const campaigns = [{ ...(firstCampaign as Campaign), currency: 'XXX' }];
    expect(() => buildServingIndex(demoSnapshot({ campaigns }))).toThrow(RangeError);
  });

  it('values a click in the fleet’s currency', () => {
    const campaigns = [
      { ...(firstCampaign as Campaign), currency: 'EUR', goal: { kind: 'cpc' as const, amountMicros: 86_000 } },
    ];
    const index = buildServingIndex(demoSnapshot({ campaigns }));
    const served = index.creativeById.get((firstCreative as CreativeOf<'banner'>).creativeId);
    expect(served?.estimates.champion.pCtr).toBeCloseTo(0.08, 12);
    expect(served?.estimates.champion.valueMicros).toBeCloseTo(8_000_000, 3);
  });

  it('values a conversion by its value and bounds the multiplier by the target', () => {
    const goal = { kind: 'cpa' as const, targetMicros: 400_000, conversionValueMicros: 500_000 };
    const index = buildServingIndex(demoSnapshot({ campaigns: [{ ...(firstCampaign as Campaign), goal }] }));
    const served = index.creativeById.get((firstCreative as CreativeOf<'banner'>).creativeId);
    expect(served?.estimates.champion.valueMicros).toBeCloseTo(1000 * 0.08 * 0.2 * 500_000, 3);
    expect(index.campaigns[0]?.kCpa).toBeCloseTo(0.8, 12);
  });
});

describe('many campaigns', () => {
  const many = Array.from({ length: 500 }, (_, i) => ({ ...(firstCampaign as Campaign), campaignId: `c-${i}` }));
  const creatives = many.map((campaign) => ({
    ...(firstCreative as CreativeOf<'banner'>),
    creativeId: `cr-${campaign.campaignId}`,
    campaignId: campaign.campaignId,
  }));
  const index = buildServingIndex(demoSnapshot({ campaigns: many, creatives }));
  const { width, height } = firstCreative;
  const raw = { id: 'r', site: {}, imp: [{ id: '1', banner: { w: width, h: height } }] };
  const request = normaliseRequest(raw, exchangeOf(), index.snapshot.fx, hashUser, index.snapshot.layerSalt);
  const survivorsAt = (rotation: number): string[] => {
    const impression = request.impressions[0];
    if (!impression) return [];
    const recorder = new StateRecorder(freshState(), 'champion', null);
    return matchImpression(
      index,
      requestTerms(request, contextOf().nowMs, rotation),
      impression,
      recorder,
    ).survivors.map(({ campaign }) => campaign.campaignId);
  };

  it('are priced 64 at most, and everybody gets a turn', () => {
    expect(survivorsAt(0)).toHaveLength(MAX_PAIRS);
    const seen = new Set([0, 60, 120, 180, 240, 300, 360, 420, 480].flatMap(survivorsAt));
    expect(seen.size).toBe(500);
  });
});

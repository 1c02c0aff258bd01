import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validateBidRequest } from '../openrtb';
import { Market } from './market';
import { parseScenario, ScenarioError, type Scenario } from './scenario';

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(__dirname, '..', '..', 'scenarios', name), 'utf8')) as Record<string, unknown>;
const story = (over: object = {}): Scenario => parseScenario({ ...read('story.json'), ...over });
const draw = (market: Market, count: number) => Array.from({ length: count }, () => market.next());

test.each(['story.json', 'demo.json', 'formats.json'])('the committed scenario %s can be run', (name) => {
  expect(parseScenario(read(name)).label).toContain('not calibrated');
});

test('the same seed gives the same auctions, another seed others', () => {
  const scenario = story();
  const first = draw(new Market(scenario, 5), 200);
  expect(draw(new Market(scenario, 5), 200)).toEqual(first);
  expect(draw(new Market(scenario, 6), 200)).not.toEqual(first);
});

test('every request is a valid OpenRTB request with its own id, banner, floor and tmax', () => {
  const auctions = draw(new Market(story(), 1), 500);
  for (const { request } of auctions) expect(validateBidRequest(request)).toEqual({ ok: true });
  expect(new Set(auctions.map(({ request }) => request['id'])).size).toBe(500);
  const withoutId = auctions.filter(({ request }) => request['user'] === undefined).length;
  expect(withoutId).toBeGreaterThan(0);
  expect(withoutId).toBeLessThan(60);
});

test('formats are sold in the shares of the scenario, each as a valid request, and change nothing else', () => {
  const formats = parseScenario(read('formats.json'));
  const banners = draw(new Market({ ...formats, formats: undefined }, 2), 2200);
  const auctions = draw(new Market(formats, 2), 2200);
  const counts = { banner: 0, video: 0, audio: 0, native: 0 };
  for (const [at, { format, request, rivalMicros, clickDraw, user, floorMicros }] of auctions.entries()) {
    counts[format] += 1;
    expect(validateBidRequest(request)).toEqual({ ok: true });
    expect((request['imp'] as object[])[0]).toHaveProperty(format);
    expect([clickDraw, user.id, floorMicros]).toEqual([
      banners[at].clickDraw,
      banners[at].user.id,
      banners[at].floorMicros,
    ]);
    if (format === 'banner') expect(rivalMicros).toBe(banners[at].rivalMicros);
  }
  expect(counts.banner / 2200).toBeCloseTo(6 / 11, 1);
  for (const [format, weight] of [
    ['video', 2],
    ['audio', 1],
    ['native', 2],
  ] as const)
    expect(Math.abs(counts[format] / 2200 - weight / 11)).toBeLessThan(0.03);
});

test('two policies meet the same luck: what one bids changes no later auction', () => {
  const scenario = story();
  const timid = new Market(scenario, 9);
  const bold = new Market(scenario, 9);
  for (let i = 0; i < 200; i += 1) {
    const a = timid.next();
    const b = bold.next();
    expect(b).toEqual(a);
    const lost = timid.resolve(a, 1, 0);
    const won = bold.resolve(b, 1e9, 0);
    expect(lost).toMatchObject({ won: false, clearingMicros: 0, clicked: false });
    expect(won.won).toBe(true);
    expect(won.minToWinMicros).toBe(lost.minToWinMicros);
  }
});

test('a bid wins exactly from the minimum to win; first price pays the bid, second price the minimum', () => {
  const market = new Market(story(), 3);
  const types = new Set<number>();
  for (const auction of draw(market, 100)) {
    const { minToWinMicros } = market.resolve(auction, 1, 0);
    expect(minToWinMicros).toBeGreaterThan(auction.floorMicros);
    expect(market.resolve(auction, minToWinMicros - 1, 0).won).toBe(false);
    const paid = market.resolve(auction, minToWinMicros + 500, 0).clearingMicros;
    expect(paid).toBe(auction.auctionType === 1 ? minToWinMicros + 500 : minToWinMicros);
    types.add(auction.auctionType);
  }
  expect([...types].sort()).toEqual([1, 2]);
});

test('clicks happen about as often as the scenario says, and less often to users who saw the ad', () => {
  const market = new Market(story(), 4);
  const auctions = draw(market, 20_000);
  const clicks = (exposures: number) =>
    auctions.filter((auction) => market.resolve(auction, 1e9, exposures).clicked).length / auctions.length;
  expect(clicks(0)).toBeGreaterThan(0.072);
  expect(clicks(0)).toBeLessThan(0.088);
  expect(clicks(10)).toBeLessThan(0.65 * clicks(0));
});

test('a cheaper market is cheaper on the same auctions; more traffic changes no price', () => {
  const scenario = story();
  const usual = draw(new Market(scenario, 8), 300);
  const cheap = draw(new Market(scenario, 8, 'cheap'), 300);
  const surge = new Market(scenario, 8, 'surge');
  usual.forEach((auction, i) => expect(cheap[i].rivalMicros / auction.rivalMicros).toBeCloseTo(0.65, 4));
  expect(draw(surge, 300)).toEqual(usual);
  expect(surge.requestsPerSecond).toBe(2.5 * scenario.requestsPerSecond);
});

test('a wrong scenario names every fault; an unknown regime names the known ones', () => {
  const wrong = () => story({ requestsPerSecond: -1, exchanges: [], surprise: true });
  expect(wrong).toThrow(ScenarioError);
  try {
    wrong();
  } catch (error) {
    const pointers = (error as ScenarioError).faults.map(({ pointer }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(['/requestsPerSecond', '/exchanges']));
  }
  expect(() => new Market(story(), 1, 'flood')).toThrow(/surge/);
});

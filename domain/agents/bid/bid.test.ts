import fc from 'fast-check';
import type { BidParams } from '../../contracts/agent';
import {
  BidGrid,
  bidReward,
  choosePrice,
  drawGridIndex,
  floorBucketOf,
  gridMassOf,
  isBelievable,
  massOfPrice,
  safeBid,
  secondPriceSurplus,
  shadeOf,
  standardNormalCdf,
  winProbability,
  type PriceQuestion,
} from './index';

const params: BidParams = {
  gridPoints: 32,
  epsilon: 0.03,
  sigmaExplore: 0.2,
  muBounds: [-6, 6],
  sigmaBounds: [0.05, 4],
};
const question = (over: Partial<PriceQuestion> = {}): PriceQuestion => ({
  valueMicros: 8_000_000,
  floorMicros: 0,
  capMicros: 20_000_000,
  auctionType: 1,
  mu: Math.log(3),
  sigma: 0.5,
  hasLaw: true,
  shade: 0.7,
  mayExplore: true,
  exploreDraw: 0.99,
  pointDraw: 0.5,
  ...over,
});
const grid = new BidGrid();

describe('the win law', () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1.96, 0.024997895148220435],
    [3, 0.9986501019683699],
    [-8, 6.220960574271786e-16],
    [40, 1],
    [-40, 0],
  ])('Φ(%d) = %d', (z, p) => expect(standardNormalCdf(z)).toBeCloseTo(p, 14));

  it('wins half of the auctions at the median price to beat', () => {
    expect(winProbability(3_000_000, Math.log(3), 0.5)).toBeCloseTo(0.5, 12);
    expect(winProbability(0, 0, 1)).toBe(0);
  });

  it('expects of a second-price bid what numeric integration gives', () => {
    const [mu, sigma, value, bid] = [1, 0.6, 8e6, 6e6];
    let sum = 0;
    for (let p = 500; p < bid; p += 1000) {
      const density = winProbability(p + 500, mu, sigma) - winProbability(p - 500, mu, sigma);
      sum += (value - p) * density;
    }
    expect(secondPriceSurplus(value, bid, mu, sigma) / sum).toBeCloseTo(1, 6);
  });

  it.each([
    [Number.NaN, 1],
    [1, Number.NaN],
    [7, 1],
    [Number.NEGATIVE_INFINITY, 1],
    [1, 0],
    [1, Number.POSITIVE_INFINITY],
  ])('does not believe mu %d, sigma %d', (mu, sigma) => expect(isBelievable(params, mu, sigma)).toBe(false));
});

describe('a first-price bid', () => {
  it('maximises (v′ − b)·F(b) as well as a fine search does', () => {
    const answer = choosePrice(params, question(), grid);
    let best = 0;
    for (let b = 100_000; b < 8_000_000; b += 1000) {
      best = Math.max(best, (8_000_000 - b) * winProbability(b, Math.log(3), 0.5));
    }
    expect(answer.score / best).toBeGreaterThan(0.995);
    expect(answer.score / best).toBeLessThanOrEqual(1);
    expect(answer.gridIndex).toBe(answer.bestIndex);
  });

  it('never leaves [floor, cap] and stays integer, whatever it draws', () => {
    fc.assert(
      fc.property(
        fc.record({
          valueMicros: fc.double({ min: 1, max: 5e7, noNaN: true }),
          floorShare: fc.double({ min: 0, max: 1, noNaN: true }),
          capMicros: fc.integer({ min: 1, max: 50_000_000 }),
          mu: fc.double({ min: -4, max: 4, noNaN: true }),
          sigma: fc.double({ min: 0.05, max: 3, noNaN: true }),
          exploreDraw: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
          pointDraw: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        }),
        ({ floorShare, ...rest }) => {
          const floor = Math.floor(Math.min(rest.valueMicros, rest.capMicros) * floorShare);
          const asked = question({ ...rest, floorMicros: floor });
          const answer = choosePrice({ ...params, epsilon: 0.5 }, asked, grid);
          expect(Number.isInteger(answer.priceMicros)).toBe(true);
          expect(answer.priceMicros).toBeGreaterThanOrEqual(Math.max(1, floor));
          expect(answer.priceMicros).toBeLessThanOrEqual(Math.max(1, Math.min(rest.capMicros, rest.valueMicros)));
          const mass = gridMassOf({ ...params, epsilon: 0.5 }, asked, answer, grid);
          expect(mass).toBeGreaterThan(0);
          expect(mass).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('records its own proposal when the cap overrules it', () => {
    const free = choosePrice(params, question(), grid);
    const capped = choosePrice(params, question({ capMicros: 1_000_000 }), grid);
    expect(capped.priceMicros).toBe(1_000_000);
    expect(Math.abs(capped.proposalMicros - free.priceMicros)).toBeLessThanOrEqual(1);
  });
});

describe('price exploration', () => {
  it('has masses that sum to 1 over the distinct prices, also where grid points clamp together', () => {
    for (const capMicros of [20_000_000, 3_000_000, 200_000]) {
      const answer = choosePrice(params, question({ capMicros, floorMicros: 150_000 }), grid);
      const distinct = [...new Set(grid.prices.subarray(0, grid.size))];
      const total = distinct.reduce((sum, p) => sum + massOfPrice(grid, answer.bestIndex, p, 0.1, 0.2), 0);
      expect(total).toBeCloseTo(1, 12);
    }
  });

  it('plays every grid point as often as its logged mass says', () => {
    const { bestIndex } = choosePrice(params, question(), grid);
    const plays = new Map<number, number>();
    const n = 200_000;
    for (let i = 0; i < n; i += 1) {
      const j = drawGridIndex(grid, bestIndex, 0.2, (i + 0.5) / n);
      plays.set(j, (plays.get(j) ?? 0) + 1);
    }
    for (const [j, count] of plays) {
      const mass = massOfPrice(grid, bestIndex, grid.prices[j] ?? 0, 1, 0.2);
      expect(count / n).toBeCloseTo(mass, 4);
    }
  });

  it('without allowance plays b* and knows that it wanted to explore', () => {
    const answer = choosePrice(params, question({ exploreDraw: 0, mayExplore: false }), grid);
    expect(answer).toMatchObject({ wantedToExplore: true, gridIndex: answer.bestIndex });
    expect(gridMassOf(params, question({ mayExplore: false }), answer, grid)).toBe(1);
  });
});

describe('the other prices', () => {
  it('second price bids the value, clamped by the cap', () => {
    expect(choosePrice(params, question({ auctionType: 2 }), grid).priceMicros).toBe(8_000_000);
    expect(choosePrice(params, question({ auctionType: 2, capMicros: 5 }), grid).priceMicros).toBe(5);
  });

  it('the baseline bids its share of value, but at least the floor', () => {
    expect(choosePrice(params, question({ hasLaw: false }), grid).priceMicros).toBe(5_600_000);
    expect(choosePrice(params, question({ hasLaw: false, floorMicros: 6_000_000 }), grid).priceMicros).toBe(6_000_000);
  });

  it.each([
    [{ 'demo|300x250|<0.5': 0.6, '*': 0.8 }, 0.6],
    [{ '*': 0.8 }, 0.8],
    [{}, 1],
  ])('table %j shades to %d', (table, shade) => expect(shadeOf(table, 'demo', '300x250', 300_000)).toBe(shade));

  it.each([
    [0, '0'],
    [1, '<0.1'],
    [1_000_000, '<2'],
    [9_000_000, '4+'],
  ])('floor %d is in bucket %s', (floor, bucket) => expect(floorBucketOf(floor)).toBe(bucket));

  it('the safe bid respects cap and floor', () => {
    expect([safeBid(5, 0, 9), safeBid(5, 0, 3), safeBid(5, 6, 9)]).toEqual([5, 3, 0]);
  });

  it('is rewarded by margin, less shading below the bar', () => {
    expect(bidReward(10, 6, true, 0, 1)).toBe(4);
    expect(bidReward(10, 6, false, 8, 0.5)).toBe(-1);
  });
});

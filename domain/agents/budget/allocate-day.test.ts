import * as fc from 'fast-check';
import { allocateDay, type AllocationClaim, pacingTarget } from './index';

const claim = (campaignId: string, over: Partial<AllocationClaim> = {}): AllocationClaim => ({
  campaignId,
  capMicros: 100_000_000,
  valueNanos: 100e9,
  spendNanos: 100e9,
  saturatedShare: 0,
  ...over,
});
const total = (amounts: Map<string, number>): number => [...amounts.values()].reduce((a, b) => a + b, 0);

test('with room for all, everybody has its own bound', () => {
  expect([...allocateDay([claim('a'), claim('b')], 200_000_000)]).toEqual([
    ['a', 100_000_000],
    ['b', 100_000_000],
  ]);
});

test('equal returns split in proportion to the bounds', () => {
  const amounts = allocateDay([claim('a'), claim('b', { capMicros: 300_000_000 })], 200_000_000);
  expect(amounts.get('a')).toBeCloseTo(50_000_000, -2);
  expect(total(amounts)).toBe(200_000_000);
});

test('the better return gets more, up to its bound; the worse keeps its floor', () => {
  const amounts = allocateDay([claim('good', { valueNanos: 200e9 }), claim('bad', { valueNanos: 50e9 })], 110_000_000);
  expect(amounts.get('good')).toBeGreaterThan(90_000_000);
  expect(amounts.get('bad')).toBeGreaterThanOrEqual(11_000_000);
  expect(total(amounts)).toBe(110_000_000);
});

test('where neither bound binds, marginal values are equal', () => {
  const a = claim('a', { valueNanos: 110e9, capMicros: 1e9 });
  const b = claim('b', { valueNanos: 100e9, capMicros: 1e9 });
  const amounts = allocateDay([a, b], 1e9);
  const roi = (one: AllocationClaim): number => {
    const group = 215e9 / 205e9;
    return (one.valueNanos + group * 5e9) / (one.spendNanos + 5e9);
  };
  const marginal = (one: AllocationClaim): number => roi(one) * Math.pow(amounts.get(one.campaignId)! / 1e9, 0.7 - 1);
  expect(marginal(a) / marginal(b)).toBeCloseTo(1, 6);
});

test('saturated segments draw less', () => {
  const amounts = allocateDay([claim('a', { saturatedShare: 0.4 }), claim('b')], 100_000_000);
  expect(amounts.get('a')).toBeLessThan(amounts.get('b')!);
});

test('never more than the total or a bound, all of the total, whatever the order', () => {
  const claims = fc.uniqueArray(
    fc.record({
      campaignId: fc.string({ minLength: 1, maxLength: 4 }),
      capMicros: fc.integer({ min: 1, max: 1e12 }),
      valueNanos: fc.integer({ min: 0, max: 1e13 }),
      spendNanos: fc.integer({ min: 0, max: 1e13 }),
      saturatedShare: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 12, selector: (one) => one.campaignId },
  );
  fc.assert(
    fc.property(claims, fc.double({ min: 0, max: 1.2, noNaN: true }), (list, share) => {
      const caps = list.reduce((sum, one) => sum + one.capMicros, 0);
      const budget = Math.floor(caps * share);
      const amounts = allocateDay(list, budget);
      expect(total(amounts)).toBe(Math.min(caps, budget));
      for (const one of list) {
        expect(Number.isSafeInteger(amounts.get(one.campaignId))).toBe(true);
        expect(amounts.get(one.campaignId)).toBeLessThanOrEqual(one.capMicros);
        expect(amounts.get(one.campaignId)).toBeGreaterThanOrEqual(0);
      }
      expect([...allocateDay([...list].reverse(), budget)]).toEqual([...amounts]);
    }),
  );
});

test('a pacing target is the mean over enough bids', () => {
  expect(pacingTarget({ bids: 19, multiplierPpm: 19e6, passThroughPpm: 19e6 })).toBeNull();
  expect(pacingTarget({ bids: 20, multiplierPpm: 15e6, passThroughPpm: 20e6 })).toEqual({
    multiplier: 0.75,
    passThrough: 1,
  });
});

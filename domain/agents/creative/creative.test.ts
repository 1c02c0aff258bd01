import fc from 'fast-check';
import { chooseCreative, creativeReward, smoothedClickRate } from './index';

const params = { epsilon: 0.02, priorClicks: 2, priorImpressions: 100, conversionRate: 0.1 };
const own = (rate: number): number => rate;

describe('smoothed rates', () => {
  it('start at the prior and move to the data', () => {
    expect(smoothedClickRate(params, undefined)).toBe(0.02);
    expect(smoothedClickRate(params, { impressions: 900, clicks: 88 })).toBe(0.09);
    expect(smoothedClickRate(params, { impressions: 0, clicks: 1e9 })).toBe(1);
  });
});

describe('chooseCreative', () => {
  it('plays the best but for the exploration floor, with exact propensities', () => {
    const rates = [0.01, 0.05, 0.02];
    const n = 100_000;
    const seen = [0, 0, 0];
    const logged = [0, 0, 0];
    for (let i = 0; i < n; i += 1) {
      const choice = chooseCreative(rates, own, 0.3, true, (i + 0.5) / n);
      seen[choice.playedIndex] = (seen[choice.playedIndex] ?? 0) + 1;
      logged[choice.playedIndex] = choice.propensity;
    }
    seen.forEach((count, i) => expect(count / n).toBeCloseTo(logged[i] ?? 0, 3));
    expect(logged[0]).toBeCloseTo(0.1, 12);
    expect(logged[1]).toBeCloseTo(0.8, 12);
  });

  it('gives propensities that sum to 1 over the action set', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 16 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (rates, epsilon) => {
          const p = new Map<number, number>();
          const steps = rates.length * 4;
          for (let i = 0; i < steps; i += 1) {
            const choice = chooseCreative(rates, own, epsilon, true, (epsilon * (i + 0.5)) / steps);
            p.set(choice.playedIndex, choice.propensity);
          }
          const best = chooseCreative(rates, own, epsilon, true, 0.9999999);
          p.set(best.playedIndex, best.propensity);
          expect([...p.values()].reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it('without allowance plays the best for certain and keeps what the draw wanted', () => {
    const choice = chooseCreative([0.5, 0.1], own, 1, false, 0.99);
    expect(choice).toEqual({ bestIndex: 0, drawnIndex: 1, playedIndex: 0, propensity: 1 });
  });

  it('refuses an empty action set', () => expect(() => chooseCreative([], own, 0.1, true, 0)).toThrow(RangeError));

  it('is rewarded by clicks and conversions, less repetition', () => {
    expect(
      creativeReward({ clicks: 2, conversions: 1, repeatedExposures: 5 }, { clickValue: 1, conversionValue: 10 }, 0.1),
    ).toBe(11.5);
  });
});

import fc from 'fast-check';
import { fatigueFactor, frequencyReward, isCapReached } from './index';

describe('fatigue', () => {
  it('is 0.9^f and 1 without exposures', () => {
    expect(fatigueFactor({ base: 0.9 }, 0)).toBe(1);
    expect(fatigueFactor({ base: 0.9 }, 2)).toBeCloseTo(0.81, 12);
    expect(fatigueFactor({ base: 0.9 }, Number.NaN)).toBe(1);
  });

  it('never rises with exposures and stays in [0, 1]', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 1000 }), (base, f) => {
        const now = fatigueFactor({ base }, f);
        expect(now >= 0 && now <= 1).toBe(true);
        expect(fatigueFactor({ base }, f + 1)).toBeLessThanOrEqual(now);
      }),
    );
  });
});

describe('hard caps', () => {
  it('are reached at the maximum and fail closed on nonsense', () => {
    expect([isCapReached(2, 3), isCapReached(3, 3), isCapReached(4, 3), isCapReached(Number.NaN, 3)]).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });
});

describe('reward', () => {
  it('takes annoyance off the incremental value', () => {
    expect(frequencyReward(5, 1, 0.1, 10)).toBe(5);
    expect(frequencyReward(5, 4, 0.1, 10)).toBeCloseTo(2, 12);
  });
});

import fc from 'fast-check';
import { kolmogorovTail } from './kolmogorov-law';
import { asymptoticKsP, exactKsP, twoSampleKs, wasserstein } from './kolmogorov-smirnov';

const relative = (actual: number, golden: number) => Math.abs(actual - golden) / Math.abs(golden);

/** P(D >= steps / lcm) by walking every order of two samples: the definition. */
function countedP(m: number, n: number, steps: number, scale: number): number {
  let [outside, all] = [0, 0];
  const walk = (i: number, j: number, gap: number): void => {
    const now = Math.max(gap, Math.abs(i * n - j * m));
    if (i === m && j === n) {
      all += 1;
      if (now >= steps * scale) outside += 1;
      return;
    }
    if (i < m) walk(i + 1, j, now);
    if (j < n) walk(i, j + 1, now);
  };
  walk(0, 0, 0);
  return outside / all;
}

describe('two-sample Kolmogorov–Smirnov', () => {
  it('has the golden numbers of statistics.md 8', () => {
    const x = Array.from({ length: 100 }, (_, i) => (i + 1) / 100);
    const y = x.map((value) => 0.9 * value + 0.15);
    const found = twoSampleKs(x, y);
    expect(found).toMatchObject({ distance: 0.15, method: 'exact' });
    expect(relative(found.p, 0.21117008625127576)).toBeLessThan(1e-9);
    expect(relative(asymptoticKsP(0.15, 100, 100), 0.19026366518247895)).toBeLessThan(1e-9);
    expect(relative(wasserstein(x, y), 0.0995)).toBeLessThan(1e-9);
  });

  it('counts paths as the definition does, for equal and unequal sizes', () => {
    for (const [m, n, common] of [
      [4, 4, 4],
      [3, 7, 1],
      [6, 4, 2],
      [8, 2, 2],
      [1, 5, 1],
    ] as const) {
      for (let steps = 1; steps <= (m * n) / common; steps++)
        expect(exactKsP(m, n, steps)).toBeCloseTo(countedP(m, n, steps, common), 12);
    }
  });

  it('is symmetric, falls with the distance and stays a probability', () => {
    const sample = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const found = twoSampleKs(a, b);
        const swapped = twoSampleKs(b, a);
        expect(swapped.distance).toBeCloseTo(found.distance, 12);
        expect(swapped.p).toBeCloseTo(found.p, 12);
        expect(found.p).toBeGreaterThanOrEqual(0);
        expect(found.p).toBeLessThanOrEqual(1 + 1e-12);
        expect(wasserstein(a, b)).toBeCloseTo(wasserstein(b, a), 9);
      }),
    );
    expect(() => twoSampleKs([], [1])).toThrow(RangeError);
    expect(() => wasserstein([NaN], [1])).toThrow(RangeError);
  });

  it('takes the one-sample law above 10,000 values', () => {
    const long = Array.from({ length: 10_001 }, (_, i) => i);
    expect(twoSampleKs(long, [5000])).toMatchObject({ method: 'asymptotic' });
  });

  // scipy 1.17.1: stats.kstwo.sf(d, n)
  it.each([
    [0.6, 1, 0.8],
    [0.35, 5, 0.46975],
    [0.15, 50, 0.19026366518248072],
    [0.3, 50, 0.00017353260202718738],
    [0.02, 1000, 0.8108971656895577],
    [0.05, 1000, 0.013012074781090332],
    [0.0011, 200000, 0.9686532070604232],
    [0.0034, 200000, 0.019582357729473667],
  ])('tail of D at %d for n = %i', (d, n, golden) => {
    expect(relative(kolmogorovTail(d, n), golden)).toBeLessThan(1e-9);
  });
});

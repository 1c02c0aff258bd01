import fc from 'fast-check';
import { latencyBin, latencyCount, latencyQuantile, latencyShareAbove, mergeLatency } from './latency-histogram';

const histogramOf = (values: readonly number[]) => mergeLatency(values.map((us) => [[latencyBin(us), 1]] as const));

describe('latency histogram', () => {
  const values = fc.array(fc.integer({ min: 2, max: 2_000_000 }), { minLength: 20, maxLength: 300 });

  it('knows every quantile to the width of a bin, 4.4 %', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.05, max: 1, noNaN: true }), (list, share) => {
        const sorted = [...list].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
        const found = latencyQuantile(histogramOf(list), share)!;
        expect(found).toBeGreaterThanOrEqual(exact / 1.045);
        expect(found).toBeLessThanOrEqual(exact * 1.045);
      }),
    );
  });

  it('has as much above a quantile as the quantile says', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (list, share) => {
        const histogram = histogramOf(list);
        expect(latencyShareAbove(histogram, latencyQuantile(histogram, share)!)).toBeCloseTo(1 - share, 9);
      }),
    );
  });

  it('merges to the histogram of all values and says null without any', () => {
    expect(mergeLatency([histogramOf([5, 5, 900]), histogramOf([5])])).toEqual(histogramOf([5, 5, 5, 900]));
    expect(latencyCount(histogramOf([0, 0.5, 1, 1e12]))).toBe(4);
    expect(latencyQuantile([], 0.99)).toBeNull();
    expect(latencyShareAbove([], 3)).toBeNull();
  });
});

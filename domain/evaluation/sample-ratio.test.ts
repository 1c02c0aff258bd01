import { logGamma, logRisingRatio } from './gamma-function';
import { fixedSampleRatio, sequentialSampleRatioP } from './sample-ratio';

const close = (actual: number, golden: number, relative = 1e-9) =>
  expect(Math.abs(actual - golden)).toBeLessThanOrEqual(relative * Math.abs(golden));

/** p after each batch, from cumulative counts. */
function sequence(batches: number[][], shares: number[]): number[] {
  const counts = shares.map(() => 0);
  let p = 1;
  return batches.map((batch) => {
    batch.forEach((count, k) => (counts[k]! += count));
    p = sequentialSampleRatioP(counts, shares, p);
    return p;
  });
}

describe('sample ratio mismatch (statistics.md 6)', () => {
  it('has the golden fixed-sample p', () => {
    close(fixedSampleRatio([50_000, 50_600], [50, 50]).p, 0.0585309655661578);
    close(fixedSampleRatio([95_000, 5300], [95, 5]).p, 3.643036457168296e-5);
  });

  it.each([
    [
      [50, 50],
      [
        [500, 500],
        [480, 560],
        [450, 600],
        [430, 620],
      ],
      [1.0, 0.8411579253428726, 0.15163982128457623, 0.0023209840140424633],
    ],
    [
      [95, 5],
      [
        [9500, 500],
        [9490, 560],
        [9450, 600],
        [9430, 620],
      ],
      [1.0, 0.5619167081858043, 0.0043891104996370695, 6.649471448009613e-7],
    ],
  ])('has the golden sequential p at %p', (shares, batches, golden) => {
    sequence(batches, shares).forEach((p, look) => close(p, golden[look]!));
  });

  it('never rises again', () => {
    const bad = sequentialSampleRatioP([9430, 1620], [95, 5], 1);
    expect(sequentialSampleRatioP([95_000, 5000], [95, 5], bad)).toBe(bad);
  });

  it('refuses counts that do not fit the shares', () => {
    expect(() => fixedSampleRatio([1, 2, 3], [1, 1])).toThrow('arms do not match');
    expect(() => fixedSampleRatio([1, 2], [1, 0])).toThrow('shares must be > 0');
    expect(() => fixedSampleRatio([0, 0], [1, 1])).toThrow('no counts');
    expect(() => sequentialSampleRatioP([1, NaN], [1, 1], 1)).toThrow('counts must be >= 0');
  });

  it('keeps its accuracy for small shares and many users', () => {
    close(logGamma(0.5), Math.log(Math.PI) / 2, 1e-14);
    close(logGamma(171), 706.5730622457874, 1e-14);
    // Γ(3.5 + 4)/Γ(3.5)/3.5^4 = (3.5·4.5·5.5·6.5)/3.5^4
    close(logRisingRatio(3.5, 4), Math.log((3.5 * 4.5 * 5.5 * 6.5) / 3.5 ** 4), 1e-12);
  });
});

import { normalCdf } from '../../evaluation/normal-distribution';
import { exploreShare } from './explore-allowance';

const pValue = (z: number): number => 2 * (1 - normalCdf(Math.abs(z)));
const share = (...counts: [number, number][]): number =>
  exploreShare(
    counts.map(([impressions, clicks]) => ({ impressions, clicks })),
    pValue,
  );

test('one variant leaves nothing to explore; an unseen one is worth the whole allowance', () => {
  expect(share([10_000, 100])).toBe(0);
  expect(share([10_000, 100], [499, 1])).toBe(1);
});

test('falls as the best pulls ahead, to a floor', () => {
  expect(share([1_000, 10], [1_000, 10])).toBe(1);
  const some = share([5_000, 60], [5_000, 50]);
  expect(some).toBeGreaterThan(0.2);
  expect(some).toBeLessThan(0.5);
  expect(share([100_000, 5_000], [100_000, 1_000])).toBe(0.1);
});

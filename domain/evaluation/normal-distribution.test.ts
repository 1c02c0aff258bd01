import { normalCdf, normalQuantile, normalTail } from './normal-distribution';

describe('normal distribution', () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [1.959963984540054, 0.975],
    [-3, 0.0013498980316300946],
    [-8, 6.220960574271785e-16],
    [-20, 2.7536241186062337e-89],
  ])('Φ(%f)', (z, p) => {
    expect(Math.abs(normalCdf(z) / p - 1)).toBeLessThan(1e-12);
    expect(normalTail(-z)).toBe(normalCdf(z));
  });

  it.each([1e-300, 1e-12, 0.001, 0.02425, 0.2, 0.5, 0.9, 0.975, 1 - 1e-9])('the quantile of %f inverts Φ', (p) => {
    expect(Math.abs(normalCdf(normalQuantile(p)) / p - 1)).toBeLessThan(1e-12);
  });

  it('knows two quantiles to 1e-12', () => {
    expect(Math.abs(normalQuantile(0.975) - 1.959963984540054)).toBeLessThan(1e-12);
    expect(Math.abs(normalQuantile(0.95) - 1.6448536269514722)).toBeLessThan(1e-12);
    expect([normalQuantile(0), normalQuantile(1), normalQuantile(2)]).toEqual([-Infinity, Infinity, NaN]);
  });
});

import { anytimeHalfWidth, anytimeP, priorVarianceFor, tuningRho } from './confidence-sequence';
import { normalCdf } from './normal-distribution';

/** Relative 1e-9. */
const close = (actual: number, golden: number, relative = 1e-9) =>
  expect(Math.abs(actual - golden)).toBeLessThanOrEqual(relative * Math.abs(golden));

/** Root of a decreasing function on [low, high]. */
function root(f: (x: number) => number, low: number, high: number): number {
  for (let step = 0; step < 200; step++) {
    const middle = (low + high) / 2;
    if (f(middle) > 0) low = middle;
    else high = middle;
  }
  return low;
}

describe('anytime-valid confidence sequence', () => {
  it('tunes rho as the golden numbers of statistics.md 1 say', () => {
    close(tuningRho(5000, 0.05, 'two'), 0.03984006677137368);
    close(tuningRho(5000, 0.05, 'one'), 0.03557768852889753);
    close(tuningRho(100_000, 0.05, 'one'), 0.007955413003292937);
  });

  it.each([
    [1000, 0.10637547006557505, 0.09968835103830144, 0.09870583],
    [5000, 0.042924337188268456, 0.039302327586932674, 0.03911815],
    [20_000, 0.022112036165461417, 0.02028121222695407, 0.0202381],
  ])('has the golden half-widths after %i units, never narrower than the exact mixture', (n, two, one, exact) => {
    const se = 1 / Math.sqrt(n);
    const prior = (sides: 'one' | 'two') => se ** 2 * n * tuningRho(5000, 0.05, sides) ** 2;
    close(anytimeHalfWidth(se, prior('two'), 0.05, 'two'), two);
    close(anytimeHalfWidth(se, prior('one'), 0.05, 'one'), one);

    // ∫ exp(l·S − l²V/2) dN(l; 0, rho²) = 1/alpha, over the half-normal in closed form: 2·exp(S²/2(V+r))·Φ(S/√(V+r))·√(r/(V+r)).
    const rho2 = tuningRho(5000, 0.05, 'one') ** 2;
    const mixture = (s: number, v: number, r: number) =>
      2 * Math.sqrt(r / (v + r)) * Math.exp((s * s) / (2 * (v + r))) * normalCdf(s / Math.sqrt(v + r));
    const bound = root((s) => 1 / 0.05 - mixture(s, n, 1 / rho2), 0, 10 * Math.sqrt(n) * 5) / n;
    expect(Math.abs(bound - exact)).toBeLessThanOrEqual(0.5e-8);
    expect(one).toBeGreaterThanOrEqual(bound);
  });

  it('is tightest at the planned standard error', () => {
    const prior = priorVarianceFor(0.01, 0.05, 'one');
    const scaled = (se: number) => anytimeHalfWidth(se, prior, 0.05, 'one') / se;
    expect(scaled(0.01)).toBeLessThan(scaled(0.005));
    expect(scaled(0.01)).toBeLessThan(scaled(0.02));
  });

  it('gives p = alpha exactly where the two-sided interval touches zero', () => {
    const half = anytimeHalfWidth(0.3, 0.5, 0.05, 'two');
    close(anytimeP(half, 0.3, 0.5), 0.05);
    expect(anytimeP(0, 0.3, 0.5)).toBe(1);
  });
});

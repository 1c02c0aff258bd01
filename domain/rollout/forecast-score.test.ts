import fc from 'fast-check';
import type { MetricEvidence } from '../contracts';
import { forecastQuality, foundEffect, wilsonShare, type ScoredForecast } from './forecast-score';

const evidence = (changes: Partial<MetricEvidence>): MetricEvidence => ({
  metric: 'value',
  role: 'primary',
  margin: 0.05,
  canary: 1.1,
  control: 1,
  relativeEffect: 0.1,
  d: 0.15,
  standardError: 0.02,
  lower: 0.1,
  upper: 0.2,
  n: 1000,
  verdict: 'non-inferior',
  ...changes,
});
const scored = (forecast: number, found: number, half = 0.05, foundHalf = 0.05): ScoredForecast => ({
  forecast: { relativeEffect: forecast, lower: forecast - half, upper: forecast + half },
  found: { effect: found, lower: found - foundHalf, upper: found + foundHalf },
});

describe('forecasts against what the canary found', () => {
  it('reads the effect and its bounds out of the bounds of D, in both directions', () => {
    const higher = foundEffect(evidence({}))!;
    expect(higher.effect).toBe(0.1);
    expect([higher.lower, higher.upper]).toEqual([expect.closeTo(0.05, 12), expect.closeTo(0.15, 12)]);
    // Lower is better: D = 1.05 R_C - R_T, so R_T / R_C - 1 = 0.05 - D / R_C.
    const lower = foundEffect(
      evidence({ metric: 'cpc', control: 2, canary: 1.8, relativeEffect: -0.1, lower: 0.2, upper: 0.4 }),
    )!;
    expect([lower.lower, lower.upper]).toEqual([expect.closeTo(-0.15, 12), expect.closeTo(-0.05, 12)]);
  });

  it('finds nothing where nothing was measured', () => {
    expect(foundEffect(evidence({ verdict: 'no-data' }))).toBeNull();
    expect(foundEffect(evidence({ control: 0, relativeEffect: Infinity }))).toBeNull();
    expect(foundEffect(evidence({ metric: 'errorShare' }))).toBeNull();
    expect(forecastQuality([])).toBeNull();
  });

  it('tells bias, error and coverage apart', () => {
    const quality = forecastQuality([scored(0.3, 0.1), scored(0.1, 0.1), scored(0.18, 0.1, 0.05, 0.04)])!;
    expect(quality).toMatchObject({ n: 3, covered: 1, overlapping: 2 });
    expect(quality.bias).toBeCloseTo(0.28 / 3, 12);
    expect(quality.rmse).toBeCloseTo(Math.sqrt((0.04 + 0 + 0.0064) / 3), 12);
    expect(quality.biasStandardError).toBeCloseTo(Math.sqrt((0.0464 - 3 * (0.28 / 3) ** 2) / 2 / 3), 12);
  });

  it('does not pretend to know a rate from few forecasts', () => {
    expect(forecastQuality([scored(0, 0)])).toMatchObject({
      biasStandardError: null,
      wording: expect.stringContaining('anecdote'),
    });
    expect(forecastQuality([scored(0, 0), scored(0, 0)])!.wording).toBe(
      'only 2 forecasts: the true coverage may be anything from 34 to 100 %',
    );
    const many = Array.from({ length: 20 }, (_, n) => scored(n % 4 === 0 ? 1 : 0, 0));
    expect(forecastQuality(many)!.wording).toMatch(/^20 forecasts: the true coverage lies in 53 to 89 %/);
  });

  it('gives the interval of Wilson: 7 of 10 is 0.3968 to 0.8922', () => {
    const { effect, lower, upper } = wilsonShare(7, 10);
    expect(effect).toBe(0.7);
    expect(lower).toBeCloseTo(0.396778, 5);
    expect(upper).toBeCloseTo(0.892209, 5);
  });

  it('never reports less error than bias, nor a coverage outside its interval', () => {
    const score = fc
      .tuple(fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true }))
      .map(([forecast, found]) => scored(forecast, found));
    fc.assert(
      fc.property(fc.array(score, { minLength: 1, maxLength: 40 }), (scores) => {
        const { bias, rmse, coverage, covered, overlapping, n } = forecastQuality(scores)!;
        expect(rmse).toBeGreaterThanOrEqual(Math.abs(bias) - 1e-12);
        expect(coverage.lower).toBeLessThanOrEqual(coverage.effect + 1e-12);
        expect(coverage.upper).toBeGreaterThanOrEqual(coverage.effect - 1e-12);
        expect(overlapping).toBeGreaterThanOrEqual(covered);
        expect(n).toBe(scores.length);
      }),
    );
  });
});

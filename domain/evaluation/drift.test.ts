import fc from 'fast-check';
import {
  CUSUM,
  newCusum,
  newPageHinkley,
  newRunningCusum,
  PAGE_HINKLEY,
  RUNNING_CUSUM,
  stepCusum,
  stepPageHinkley,
  stepRunningCusum,
} from './change-detectors';
import { chiSquareQuantile, chiSquareTail } from './gamma-function';
import { driftCounts, freezeDriftBins, populationStability, stabilityNullQuantile } from './population-stability';

const relative = (actual: number, golden: number) => Math.abs(actual - golden) / Math.abs(golden);
const repeat = (value: number, times: number) => Array.from({ length: times }, () => value);

/** Index of the first alarm; the state goes through JSON at every step, as a workflow carries it. */
function firstAlarm<S extends { alarm: boolean }>(start: S, step: (state: S, value: number) => S, values: number[]) {
  let state = start;
  return values.findIndex((value) => {
    state = step(JSON.parse(JSON.stringify(state)) as S, value);
    return state.alarm;
  });
}

describe('population stability', () => {
  it('has the golden numbers of statistics.md 8', () => {
    const ten = [0.05, 0.07, 0.08, 0.09, 0.1, 0.1, 0.11, 0.12, 0.13, 0.15];
    expect(relative(populationStability(repeat(0.1, 10), ten), 0.08361779980237698)).toBeLessThan(1e-9);
    expect(relative(populationStability(repeat(0.25, 4), [0.4, 0.3, 0.2, 0.1]), 0.22821740957339182)).toBeLessThan(
      1e-9,
    );
    expect(stabilityNullQuantile(10, 10_000, 10_000, 0.95)).toBeCloseTo(0.0033837955, 10);
    expect(stabilityNullQuantile(10, 10_000, 10_000, 0.999)).toBeCloseTo(0.0055754, 7);
    expect(stabilityNullQuantile(10, 1000, 1000, 0.95)).toBeCloseTo(0.0338379552, 10);
    expect(stabilityNullQuantile(10, 1000, 1000, 0.999)).toBeCloseTo(0.0557543, 7);
  });

  it('counts an empty bin as 1e-4 and refuses other bins', () => {
    expect(populationStability([0.5, 0.5], [1, 0])).toBeCloseTo(0.5 * Math.log(2) + 0.4999 * Math.log(5000), 12);
    expect(() => populationStability([1], [0.5, 0.5])).toThrow(RangeError);
    expect(stabilityNullQuantile(1, 100, 100, 0.99)).toBe(0);
  });

  it('has χ² quantiles that invert the tail', () => {
    expect(relative(chiSquareQuantile(0.95, 9), 16.918977604620448)).toBeLessThan(1e-12);
    for (const level of [0.001, 0.5, 0.999])
      for (const degrees of [1, 4, 30])
        expect(chiSquareTail(chiSquareQuantile(level, degrees), degrees)).toBeCloseTo(1 - level, 12);
  });

  it('freezes quantile bins: every value in one bin, equal values together, a constant in one', () => {
    const thousand = Array.from({ length: 1000 }, (_, i) => (i * 37) % 1000);
    const even = freezeDriftBins(thousand);
    expect(even).toMatchObject({ edges: [99, 199, 299, 399, 499, 599, 699, 799, 899], n: 1000 });
    expect(even.shares).toEqual(repeat(0.1, 10));
    expect(freezeDriftBins([1, 1, 1])).toEqual({ edges: [], shares: [1], n: 3 });
    expect(freezeDriftBins([0, 1, 0, 1])).toEqual({ edges: [0], shares: [0.5, 0.5], n: 4 });
    expect(driftCounts([0, 10], [-5, 0, 1, 10, 11, NaN])).toEqual([2, 2, 1]);
    expect(() => freezeDriftBins([])).toThrow(RangeError);
    expect(() => freezeDriftBins([1, Infinity])).toThrow(RangeError);
    const values = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -5, max: 5 }), { minLength: 1 });
    fc.assert(
      fc.property(values, (sample) => {
        const bins = freezeDriftBins(sample);
        const counts = driftCounts(bins.edges, sample);
        expect(counts).toHaveLength(bins.shares.length);
        expect(counts.every((count) => count > 0)).toBe(true);
        expect(bins.shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        expect(
          populationStability(
            bins.shares,
            counts.map((count) => count / sample.length),
          ),
        ).toBeCloseTo(0, 12);
      }),
    );
  });
});

describe('change detectors', () => {
  const jump = [...repeat(0, 100), ...repeat(1, 200)];

  it('Page–Hinkley alarms where river does', () => {
    const page = (change: object) => (values: number[]) =>
      firstAlarm(newPageHinkley(), (s, x) => stepPageHinkley({ ...PAGE_HINKLEY, ...change }, s, x), values);
    expect(page({})(jump)).toBe(166);
    expect(page({ threshold: 5, alpha: 1, mode: 'down' })([...repeat(1, 100), ...repeat(0.8, 200)])).toBe(129);
    expect(page({ threshold: 5, alpha: 1, mode: 'up' })([...repeat(1, 100), ...repeat(0.8, 200)])).toBe(-1);
    expect(page({})(repeat(0.7, 5000))).toBe(-1);
  });

  it('CUSUM alarms as both conventions of statistics.md 8 say', () => {
    const shift = [...repeat(0, 20), ...repeat(1, 20)];
    const standardised = (values: number[]) => firstAlarm(newCusum(), (s, z) => stepCusum(CUSUM, s, z), values);
    expect(standardised(shift)).toBe(30);
    expect(standardised(shift.map((z) => -z))).toBe(30);
    expect(firstAlarm(newRunningCusum(), (s, x) => stepRunningCusum(RUNNING_CUSUM, s, x), jump)).toBe(165);
  });

  it('starts afresh after an alarm and leaves the state it was given alone', () => {
    const alarmed = { up: 6, down: 0, alarm: true };
    expect(stepCusum(CUSUM, alarmed, 0)).toEqual({ up: 0, down: 0, alarm: false });
    expect(alarmed.up).toBe(6);
    expect(stepPageHinkley(PAGE_HINKLEY, { ...newPageHinkley(), n: 99, alarm: true }, 3)).toMatchObject({
      n: 1,
      mean: 3,
    });
    expect(stepRunningCusum(RUNNING_CUSUM, { n: 9, mean: 2, sum: 60, alarm: true }, 3)).toMatchObject({ n: 1, sum: 0 });
  });
});

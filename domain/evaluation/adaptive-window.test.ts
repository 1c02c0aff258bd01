import {
  ADAPTIVE_WINDOW,
  adaptiveMean,
  newAdaptiveWindow,
  stepAdaptiveWindow,
  type AdaptiveWindowSettings,
} from './adaptive-window';
import { seededRandom } from './seeded-random';

const repeat = (value: number, times: number) => Array.from({ length: times }, () => value);

/** Cuts as [index, width after it, mean after it]; the state goes through JSON now and then, as a workflow carries it. */
function cuts(values: number[], settings: AdaptiveWindowSettings = ADAPTIVE_WINDOW) {
  let state = newAdaptiveWindow();
  const found: [number, number, number][] = [];
  values.forEach((value, index) => {
    if (index % 50 === 0) state = JSON.parse(JSON.stringify(state)) as typeof state;
    state = stepAdaptiveWindow(settings, state, value);
    if (state.alarm) found.push([index, state.width, adaptiveMean(state)]);
  });
  return { found, state };
}

describe('ADWIN', () => {
  it('has the golden cut of statistics.md 8', () => {
    expect(cuts([...repeat(0, 100), ...repeat(1, 200)]).found).toEqual([[127, 56, 0.5]]);
  });

  it('cuts where river 0.26 does, with its defaults and with other settings', () => {
    const values = Array.from(
      { length: 2600 },
      (_, i) => ((i * 7919) % 1000) / 1000 + (i >= 900 && i < 1700 ? 0.4 : 0),
    );
    const { found, state } = cuts(values);
    expect(found.map(([index, width]) => [index, width])).toEqual([
      [959, 160],
      [1759, 160],
    ]);
    expect(found[0]![2]).toBeCloseTo(0.65425, 12);
    expect(found[1]![2]).toBeCloseTo(0.748, 12);
    expect([state.width, adaptiveMean(state)]).toEqual([840, expect.closeTo(0.4997857142857143, 12)]);
    const other = { delta: 0.0005, clock: 8, maxBuckets: 3, minPart: 3, grace: 20 };
    expect(cuts(values, other).found.map(([index, width]) => [index, width])).toEqual([
      [943, 688],
      [1743, 416],
    ]);
  });

  it('is silent on rare events, and its state stays short', () => {
    const rng = seededRandom(7);
    const { found, state } = cuts(
      Array.from({ length: 20_000 }, (_, i) => (rng() < (i < 10_000 ? 0.02 : 0.015) ? 1 : 0)),
    );
    expect(found).toEqual([]);
    expect(state.width).toBe(20_000);
    expect(state.rows.flat().length).toBeLessThan(80);
    expect(adaptiveMean(newAdaptiveWindow())).toBe(0);
  });
});

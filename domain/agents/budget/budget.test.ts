import fc from 'fast-check';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BudgetParams } from '../../contracts/agent';
import {
  MIN_PASS_THROUGH,
  TUNED_GAINS,
  budgetReward,
  controlSignal,
  cpaFactor,
  initialPacing,
  multiplierFloor,
  stepPacing,
  trafficClock,
  type PacingState,
} from './index';

const params: BudgetParams = {
  ...TUNED_GAINS,
  clip: 1.5,
  slewUpPerMinute: 0.05,
  slewDownPerMinute: 0.2,
  band: 0.01,
  kMin: 0.1,
  kMax: 3,
  trafficShares: Array.from({ length: 168 }, () => 1 / 168),
};
const DAY = 86_400_000;
const day = '2026-11-24';

/** A day in `stepMs` steps: spend follows demand × traffic × response(m)·p_t. */
function liveDay(
  planNanos: number,
  demandNanos: number,
  response: (m: number) => number,
  shape: (t: number) => number,
) {
  let state: PacingState = initialPacing(day, 0);
  let spent = 0;
  let worst = 0;
  const stepMs = 10_000;
  const states: PacingState[] = [];
  for (let t = stepMs; t <= DAY; t += stepMs) {
    spent += (demandNanos * shape(t / DAY) * response(state.multiplier) * state.passThrough * stepMs) / DAY;
    state = stepPacing(params, state, { nowMs: t, day, clock: t / DAY, planNanos, spentNanos: spent });
    states.push(state);
    worst = Math.max(worst, Math.abs(t / DAY - spent / planNanos));
  }
  return { spent, states, state, worst };
}

describe('the traffic clock', () => {
  const shares = Array.from({ length: 168 }, (_, hour) => (hour % 24 < 12 ? 0 : 1 / 84));

  it('runs with predicted traffic, not with wall time', () => {
    expect(trafficClock(shares, 0, 6, 0)).toBe(0);
    expect(trafficClock(shares, 0, 18, 0)).toBeCloseTo(0.5, 12);
    expect(trafficClock(shares, 3, 18, 1_800_000)).toBeCloseTo(0.5 + 1 / 24, 12);
    expect(trafficClock(shares, 6, 23, 3_600_000)).toBeCloseTo(1, 12);
  });

  it('falls back to wall time on a day without predicted traffic', () => {
    expect(
      trafficClock(
        Array.from({ length: 168 }, () => 0),
        0,
        12,
        0,
      ),
    ).toBe(0.5);
  });
});

describe('the controller', () => {
  it.each([
    ['flat', () => 1],
    ['wavy', (t: number) => 1 + 0.8 * Math.sin(2 * Math.PI * t)],
  ])('spends a binding budget along the plan under %s demand four times too large', (_name, shape) => {
    const { spent, state, worst } = liveDay(1e9, 4e9, (m) => Math.min(1, m), shape);
    expect(spent / 1e9).toBeGreaterThan(0.97);
    expect(spent / 1e9).toBeLessThan(1.03);
    expect(worst).toBeLessThan(0.04);
    expect(state.multiplier).toBeLessThan(1);
  });

  it('throttles only at the floor of m and recovers by p_t first', () => {
    const { states } = liveDay(
      1e8,
      100e9,
      () => 1,
      (t) => (t < 0.3 ? 1 : 0),
    );
    expect(states.some((state) => state.passThrough < 1)).toBe(true);
    for (const [i, state] of states.entries()) {
      const before = states[i - 1];
      if (before === undefined) continue;
      if (state.passThrough < before.passThrough) expect(state.multiplier).toBeCloseTo(multiplierFloor(params), 9);
      if (before.passThrough < 1 && state.passThrough < 1)
        expect(state.multiplier).toBeLessThanOrEqual(before.multiplier);
      expect(state.passThrough).toBeGreaterThanOrEqual(MIN_PASS_THROUGH);
    }
  });

  it('moves at most by its slew and stays inside its bounds, whatever it sees', () => {
    const step = fc.record({
      dt: fc.integer({ min: 0, max: 600_000 }),
      clock: fc.double({ min: 0, max: 1, noNaN: true }),
      spent: fc.integer({ min: 0, max: 5_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let state = initialPacing(day, 0);
        let nowMs = 0;
        for (const { dt, clock, spent } of steps) {
          nowMs += dt;
          const before = state;
          state = stepPacing(params, state, { nowMs, day, clock, planNanos: 1_000_000, spentNanos: spent });
          const minutes = Math.min(dt, 300_000) / 60_000;
          expect(state.multiplier).toBeLessThanOrEqual(before.multiplier * 1.05 ** minutes * (1 + 1e-12));
          expect(state.multiplier).toBeGreaterThanOrEqual(before.multiplier * 0.8 ** minutes * (1 - 1e-12));
          expect(state.multiplier).toBeGreaterThanOrEqual(multiplierFloor(params));
          expect(state.multiplier).toBeLessThanOrEqual(params.kMax);
          expect(state.passThrough).toBeGreaterThanOrEqual(MIN_PASS_THROUGH);
          expect(state.passThrough).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('holds inside its band, and without a plan', () => {
    const state = { ...initialPacing(day, 0), multiplier: 0.6 };
    const near = stepPacing(params, state, { nowMs: 60_000, day, clock: 0.5, planNanos: 1000, spentNanos: 495 });
    expect(near.multiplier).toBe(0.6);
    const none = stepPacing(params, state, { nowMs: 60_000, day, clock: 0.5, planNanos: 0, spentNanos: 495 });
    expect(none.multiplier).toBe(0.6);
  });

  it('does not wind up while its signal is clipped', () => {
    let state = initialPacing(day, 0);
    for (let i = 1; i <= 100; i += 1) {
      state = stepPacing(params, state, { nowMs: i * 1000, day, clock: i / 1000, planNanos: 1, spentNanos: 50 });
    }
    expect(Math.abs(state.integral)).toBeLessThan(params.clip / params.ki);
    expect(state.integral).toBe(0);
  });

  it('starts a new day with last day’s multiplier and no debt', () => {
    const state = { ...initialPacing('2026-11-23', 0), multiplier: 0.5, integral: -3, passThrough: 0.2 };
    const next = stepPacing(params, state, { nowMs: 1000, day, clock: 0, planNanos: 1000, spentNanos: 0 });
    expect(next).toMatchObject({ multiplier: 0.5, integral: 0, passThrough: 1, day });
  });
});

describe('against simple-pid (oracles/math.json)', () => {
  const root = join(__dirname, '..', '..', '..');
  const file = join(process.env['ADLOOP_DATA'] ?? join(root, '..', 'shared', 'data'), 'oracles', 'math.json');
  const isThere = existsSync(file);
  if (!isThere && process.env['ADLOOP_REQUIRE_DATA'] === '1') throw new Error(`ADLOOP_REQUIRE_DATA=1 and no ${file}`);
  if (!isThere) console.log(`skipped: no oracle at ${file} (set ADLOOP_DATA)`);

  (isThere ? it : it.skip)('φ equals an unlimited PID on the same errors', () => {
    const groups = (JSON.parse(readFileSync(file, 'utf8')) as { pid: SimplePid[] }).pid;
    // Only the controller without output limits has the same law: ours clips φ and stops its integral instead of clamping it.
    const free = groups.filter((group) => group.limits[0] === null);
    expect(free).toHaveLength(1);
    for (const { kp, ki, kd, setpoint, dt, input, output } of free) {
      let integral = 0;
      let last = input[0] ?? 0;
      input.forEach((value, i) => {
        integral += (setpoint - value) * dt;
        const slope = -(value - last) / dt;
        last = value;
        expect(controlSignal({ kp, ki, kd }, setpoint - value, integral, slope)).toBeCloseTo(output[i] ?? 0, 9);
      });
    }
  });
});

interface SimplePid {
  kp: number;
  ki: number;
  kd: number;
  limits: [number | null, number | null];
  setpoint: number;
  dt: number;
  input: number[];
  output: number[];
}

describe('reward', () => {
  it('charges pacing error and discounts a missed CPA', () => {
    expect(budgetReward(10, 0.1, 100, 0.3)).toBeCloseTo(9.7, 12);
    expect(cpaFactor(100, 200, 2)).toBe(0.25);
    expect(cpaFactor(100, 50, 2)).toBe(1);
    expect(cpaFactor(100, 0, 2)).toBe(1);
  });
});

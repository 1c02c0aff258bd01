import { ClockSteps } from './clock-steps';

describe('ClockSteps', () => {
  it('tells a clock that was set from one that went on, in either direction, once', () => {
    const now = { wall: 1e12, monotonic: 50 };
    const steps = new ClockSteps(
      () => now.wall,
      () => now.monotonic,
    );
    const pass = (wallMs: number, monotonicMs: number): number => {
      now.wall += wallMs;
      now.monotonic += monotonicMs;
      return steps.take();
    };
    expect(pass(1000, 1000)).toBe(0);
    expect(pass(1400, 1000)).toBe(0);
    expect(pass(3_601_000, 1000)).toBe(3_600_000);
    expect(pass(1000, 1000)).toBe(0);
    expect(pass(-86_399_000, 1000)).toBe(-86_400_000);
    // A process that slept for an hour: both clocks went on.
    expect(pass(3_600_000, 3_600_000)).toBe(0);
  });
});

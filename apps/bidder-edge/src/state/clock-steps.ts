/** Smaller differences between the two clocks are slewing and late timers, and move no deadline that matters. */
const LEAST_STEP_MS = 1000;

/**
 * Notices when the wall clock is set: it and the monotonic clock have then moved by different amounts since the last look.
 * What a step costs is `EdgeState.onClockStep`'s business.
 */
export class ClockSteps {
  private lastWallMs: number;
  private lastMonotonicMs: number;

  constructor(
    private readonly wallMs: () => number,
    private readonly monotonicMs: () => number,
  ) {
    this.lastWallMs = wallMs();
    this.lastMonotonicMs = monotonicMs();
  }

  /** Milliseconds that the wall clock was set by since the last call: negative when set back, 0 when it was not set. */
  take(): number {
    const wallMs = this.wallMs();
    const monotonicMs = this.monotonicMs();
    const stepMs = Math.round(wallMs - this.lastWallMs - (monotonicMs - this.lastMonotonicMs));
    this.lastWallMs = wallMs;
    this.lastMonotonicMs = monotonicMs;
    return Math.abs(stepMs) < LEAST_STEP_MS ? 0 : stepMs;
  }
}

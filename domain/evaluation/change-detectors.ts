/**
 * Detectors of a change in a stream, as steps over a plain state: it may travel through JSON, and a step never changes the state it
 * is given. After an alarm the next step starts afresh. Feed rates of whole windows, not single sparse events (statistics.md 8).
 */

/** Settings of the Page–Hinkley test; defaults are river's. */
export interface PageHinkleySettings {
  /** Values before the first alarm. */
  minValues: number;
  /** Drift per value that is tolerated. */
  delta: number;
  threshold: number;
  /** Forgetting factor of the sums; 1 = none. */
  alpha: number;
  mode: 'up' | 'down' | 'both';
}
export const PAGE_HINKLEY: PageHinkleySettings = {
  minValues: 30,
  delta: 0.005,
  threshold: 50,
  alpha: 0.9999,
  mode: 'both',
};

export interface PageHinkleyState {
  n: number;
  mean: number;
  rise: number;
  fall: number;
  /** Lowest rise and highest fall so far. */
  lowest: number;
  highest: number;
  alarm: boolean;
}

/** Before the first value. No infinities: JSON has none. */
export const newPageHinkley = (): PageHinkleyState => ({
  n: 0,
  mean: 0,
  rise: 0,
  fall: 0,
  lowest: Number.MAX_VALUE,
  highest: -1,
  alarm: false,
});

/**
 * m_t = alpha·m_{t−1} + x_t − mean_t ∓ delta; alarm when m_t − min m > threshold (rise) or max m − m_t > threshold (fall).
 * Sources: Page 1954; river 0.26 `PageHinkley`; statistics.md 8.
 */
export function stepPageHinkley(
  settings: PageHinkleySettings,
  given: PageHinkleyState,
  value: number,
): PageHinkleyState {
  const state = given.alarm ? newPageHinkley() : given;
  const n = state.n + 1;
  const mean = state.mean + (value - state.mean) / n;
  const deviation = value - mean;
  const rise = settings.alpha * state.rise + deviation - settings.delta;
  const fall = settings.alpha * state.fall + deviation + settings.delta;
  const lowest = Math.min(state.lowest, rise);
  const highest = Math.max(state.highest, fall);
  const rose = settings.mode !== 'down' && rise - lowest > settings.threshold;
  const fell = settings.mode !== 'up' && highest - fall > settings.threshold;
  return { n, mean, rise, fall, lowest, highest, alarm: n >= settings.minValues && (rose || fell) };
}

/** CUSUM on standardised values z (their mean and deviation are known): S = max(0, S + z − k), alarm S > h. */
export interface CusumSettings {
  k: number;
  h: number;
}
/** k .5, h 5: an average of about 465 values between false alarms. */
export const CUSUM: CusumSettings = { k: 0.5, h: 5 };

export interface CusumState {
  /** Sums of the rise and of the fall. */
  up: number;
  down: number;
  alarm: boolean;
}
export const newCusum = (): CusumState => ({ up: 0, down: 0, alarm: false });

/** One step in both directions. Source: Page 1954; statistics.md 8. */
export function stepCusum(settings: CusumSettings, given: CusumState, z: number): CusumState {
  const state = given.alarm ? newCusum() : given;
  const up = Math.max(0, state.up + z - settings.k);
  const down = Math.max(0, state.down - z - settings.k);
  return { up, down, alarm: up > settings.h || down > settings.h };
}

/** CUSUM against the running mean, for values whose mean nobody knows beforehand (frouros' convention); rises only. */
export interface RunningCusumSettings {
  minValues: number;
  delta: number;
  threshold: number;
}
export const RUNNING_CUSUM: RunningCusumSettings = { minValues: 30, delta: 0.005, threshold: 50 };

export interface RunningCusumState {
  n: number;
  mean: number;
  sum: number;
  alarm: boolean;
}
export const newRunningCusum = (): RunningCusumState => ({ n: 0, mean: 0, sum: 0, alarm: false });

/** S = max(0, S + x − mean − delta), the mean of all values up to this one; alarm S > threshold. Source: frouros 0.9 `CUSUM`. */
export function stepRunningCusum(
  settings: RunningCusumSettings,
  given: RunningCusumState,
  value: number,
): RunningCusumState {
  const state = given.alarm ? newRunningCusum() : given;
  const n = state.n + 1;
  const mean = state.mean + (value - state.mean) / n;
  const sum = Math.max(0, state.sum + value - mean - settings.delta);
  return { n, mean, sum, alarm: n >= settings.minValues && sum > settings.threshold };
}

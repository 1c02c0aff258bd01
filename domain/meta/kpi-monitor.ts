import {
  newCusum,
  newPageHinkley,
  stepCusum,
  stepPageHinkley,
  type CusumSettings,
  type CusumState,
  type PageHinkleySettings,
  type PageHinkleyState,
} from '../evaluation/change-detectors';

/** Windows that set the reference: their mean and spread are what later ones are compared with. */
const REFERENCE_WINDOWS = 30;
/** For how many windows an alarm counts as seen, so that 2 of 3 windows may see it. */
const LATCH = 3;
/** Longer runs between false alarms than the usual h 5: the reference is an estimate, and a day has 144 windows of ten minutes. */
const FALL: CusumSettings = { k: 0.5, h: 8 };
/** Relative fall of the smoothed value below which an alarm is significant but too small to act on. */
const LEAST_FALL = 0.05;
/** Weight of the newest window in the smoothed value. */
const SMOOTHING = 0.3;
/** On standardised values: a fall of a quarter deviation per window is tolerated. */
const PAGE: PageHinkleySettings = { minValues: 5, delta: 0.25, threshold: 12, alpha: 1, mode: 'down' };
/** A spread this small against the mean is taken for rounding, not for certainty. */
const LEAST_SPREAD = 0.01;

/** A KPI's reference and its two detectors of a fall. Plain JSON. */
export interface MonitorState {
  n: number;
  mean: number;
  /** Sum of squared deviations of the reference (Welford). */
  squares: number;
  /** Exponentially smoothed value: the size of a fall. */
  recent: number;
  cusum: CusumState;
  page: PageHinkleyState;
  /** Windows for which the last alarm still counts, and what it said. */
  latch: number;
  alarm: string;
}

export const newMonitor = (): MonitorState => ({
  n: 0,
  mean: 0,
  squares: 0,
  recent: 0,
  cusum: newCusum(),
  page: newPageHinkley(),
  latch: 0,
  alarm: '',
});

/**
 * One window's value of a KPI of which less is worse. The first thirty windows set the reference; then CUSUM (k .5, h 8) and
 * Page–Hinkley watch the standardised value for a fall, which counts once it is also large. `seen` holds for three windows.
 */
export function stepMonitor(
  name: string,
  given: MonitorState,
  value: number,
): { state: MonitorState; seen: string | null } {
  if (given.n < REFERENCE_WINDOWS) {
    const n = given.n + 1;
    const mean = given.mean + (value - given.mean) / n;
    return {
      state: { ...given, n, mean, squares: given.squares + (value - given.mean) * (value - mean), recent: mean },
      seen: null,
    };
  }
  const spread = Math.max(Math.sqrt(given.squares / (given.n - 1)), LEAST_SPREAD * Math.abs(given.mean));
  const z = spread > 0 ? (value - given.mean) / spread : 0;
  // Only falls: a rise is no reason to retrain, so its sum starts anew every time and one value cannot fill it.
  const cusum = stepCusum(FALL, { ...given.cusum, up: 0 }, Math.min(z, FALL.h));
  const page = stepPageHinkley(PAGE, given.page, z);

  const recent = given.recent + SMOOTHING * (value - given.recent);
  const change = given.mean === 0 ? 0 : recent / given.mean - 1;
  const by =
    change > -LEAST_FALL
      ? ''
      : [cusum.alarm ? 'CUSUM' : '', page.alarm ? 'Page-Hinkley' : ''].filter(Boolean).join(' and ');
  const alarm =
    by === ''
      ? given.alarm
      : `${by} saw ${name} fall: ${recent.toPrecision(3)} against ${given.mean.toPrecision(3)} (${(change * 100).toFixed(1)} %, ${Math.abs(z).toFixed(1)} deviations)`;
  const latch = by === '' ? Math.max(0, given.latch - 1) : LATCH;
  return { state: { ...given, recent, cusum, page, latch, alarm }, seen: latch > 0 ? alarm : null };
}

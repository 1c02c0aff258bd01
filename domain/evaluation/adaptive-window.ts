/** ADWIN (Bifet & Gavaldà, SDM 2007): a window that forgets its older part once the two parts' means differ by more than chance. */

/** Settings; defaults are river's. */
export interface AdaptiveWindowSettings {
  /** Probability of a false cut. */
  delta: number;
  /** A cut is looked for at every so many values. */
  clock: number;
  /** Buckets of one size before two of them are joined. */
  maxBuckets: number;
  /** Least values on either side of a cut, and before any. */
  minPart: number;
  grace: number;
}
export const ADAPTIVE_WINDOW: AdaptiveWindowSettings = {
  delta: 0.002,
  clock: 32,
  maxBuckets: 5,
  minPart: 5,
  grace: 10,
};

/** Sum and sum of squared deviations of the values in one bucket. */
interface Bucket {
  total: number;
  squares: number;
}

/** Row r holds buckets of 2^r values each, oldest first; the last row is the oldest. Plain JSON, of logarithmic length. */
export interface AdaptiveWindowState {
  rows: Bucket[][];
  width: number;
  total: number;
  squares: number;
  seen: number;
  alarm: boolean;
}

export const newAdaptiveWindow = (): AdaptiveWindowState => ({
  rows: [[]],
  width: 0,
  total: 0,
  squares: 0,
  seen: 0,
  alarm: false,
});

/** Mean of the window; 0 when it is empty. */
export const adaptiveMean = ({ total, width }: AdaptiveWindowState): number => (width > 0 ? total / width : 0);

/**
 * One value; `alarm` says that the window was cut at this one. Feed rates of whole windows: on rare single events it needs tens of
 * thousands of values (statistics.md 8). Same cuts as river 0.26 `ADWIN`.
 */
export function stepAdaptiveWindow(
  settings: AdaptiveWindowSettings,
  given: AdaptiveWindowState,
  value: number,
): AdaptiveWindowState {
  const from = given.alarm ? newAdaptiveWindow() : given;
  const state: AdaptiveWindowState = { ...from, rows: from.rows.map((row) => [...row]), alarm: false };
  insert(state, value, settings.maxBuckets);
  state.seen += 1;
  if (state.seen % settings.clock !== 0 || state.width <= settings.grace) return state;
  while (isCut(state, settings)) {
    state.alarm = true;
    dropOldest(state);
  }
  return state;
}

/** Spread between two groups of n and m values with the given means: what joining them adds to the squares. */
const between = (n: number, meanN: number, m: number, meanM: number): number =>
  (n * m * (meanN - meanM) ** 2) / (n + m);

function insert(state: AdaptiveWindowState, value: number, maxBuckets: number): void {
  state.rows[0]!.push({ total: value, squares: 0 });
  if (state.width > 0) state.squares += between(1, value, state.width, state.total / state.width);
  state.width += 1;
  state.total += value;
  for (let r = 0; r < state.rows.length; r++) {
    const row = state.rows[r]!;
    if (row.length <= maxBuckets) return;
    const [a, b] = row.splice(0, 2) as [Bucket, Bucket];
    const size = 2 ** r;
    const squares = a.squares + b.squares + between(size, a.total / size, size, b.total / size);
    (state.rows[r + 1] ??= []).push({ total: a.total + b.total, squares });
  }
}

/** Whether some split into an older and a newer part differs by more than chance. */
function isCut(state: AdaptiveWindowState, settings: AdaptiveWindowSettings): boolean {
  const { minPart, delta } = settings;
  const confidence = Math.log((2 * Math.log(state.width)) / delta);
  const variance = state.squares / state.width;
  let [oldN, oldTotal] = [0, 0];
  for (let r = state.rows.length - 1; r >= 0; r--) {
    const row = state.rows[r]!;
    for (let k = 0; k < row.length; k++) {
      oldN += 2 ** r;
      oldTotal += row[k]!.total;
      const newN = state.width - oldN;
      if (oldN < minPart || newN < minPart) continue;
      const gap = Math.abs(oldTotal / oldN - (state.total - oldTotal) / newN);
      const harmonic = 1 / (oldN - minPart + 1) + 1 / (newN - minPart + 1);
      if (gap > Math.sqrt(2 * harmonic * variance * confidence) + (2 / 3) * confidence * harmonic) return true;
    }
  }
  return false;
}

function dropOldest(state: AdaptiveWindowState): void {
  const last = state.rows.length - 1;
  const row = state.rows[last]!;
  const bucket = row.shift()!;
  const size = 2 ** last;
  state.width -= size;
  state.total -= bucket.total;
  state.squares -= bucket.squares + between(size, bucket.total / size, state.width, state.total / state.width);
  if (row.length === 0 && last > 0) state.rows.pop();
}

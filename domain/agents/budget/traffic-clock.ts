const HOUR_MS = 3_600_000;

/**
 * τ: predicted cumulative share of the local day's traffic at `msIntoHour` of `hour`, 0..1, from 168 shares by hour of week. A day
 * without any predicted traffic falls back to wall time.
 */
export function trafficClock(
  trafficShares: readonly number[],
  weekday: number,
  hour: number,
  msIntoHour: number,
): number {
  const first = weekday * 24;
  let day = 0;
  let passed = 0;
  for (let h = 0; h < 24; h += 1) {
    const share = trafficShares[first + h] ?? 0;
    day += share;
    if (h < hour) passed += share;
  }
  const fraction = Math.min(1, Math.max(0, msIntoHour / HOUR_MS));
  if (!(day > 0)) return (hour + fraction) / 24;
  return (passed + fraction * (trafficShares[first + hour] ?? 0)) / day;
}

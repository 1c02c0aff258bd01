import type { ZoneClock } from '../calendar/zone-clock';

const HOUR_MS = 3_600_000;
/** An hour plans at least a quarter of an average hour, as the budget's grants do. */
const LEAST_HOUR = 0.25 / 168;

/**
 * Share of a local day's planned traffic that falls into [fromMs, toMs): what the day's budget should have spent in it, 0..1 for windows
 * within one day. `trafficShares` are 168 shares by hour of week; `hours` the hours of week that bid, empty = all.
 */
export function plannedShare(
  clock: ZoneClock,
  trafficShares: readonly number[],
  hours: readonly number[],
  fromMs: number,
  toMs: number,
): number {
  const open = new Set(hours);
  const weightAt = (hourOfWeek: number): number =>
    open.size > 0 && !open.has(hourOfWeek) ? 0 : Math.max(trafficShares[hourOfWeek] ?? 0, LEAST_HOUR);
  const { hourOfWeek } = clock.at(fromMs);
  const firstHour = hourOfWeek - (hourOfWeek % 24);
  let day = 0;
  for (let hour = 0; hour < 24; hour++) day += weightAt(firstHour + hour);
  if (!(day > 0)) return 0;
  let planned = 0;
  let at = fromMs;
  while (at < toMs) {
    const local = clock.at(at);
    const until = Math.min(toMs, at + HOUR_MS - local.msIntoHour);
    planned += (weightAt(local.hourOfWeek) * (until - at)) / HOUR_MS;
    at = until;
  }
  return planned / day;
}

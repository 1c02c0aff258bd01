import type { FxTable } from '../contracts/exchange';
import type { DurationFloor } from '../contracts/normalised-request';
import { ceilMicros, floorToBaseMicros } from '../money';
import { numberOf, objectOf, textOf, type JsonObject } from './json-shape';

/** Most ranges of durations that are read of one slot. */
const MAX_RANGES = 16;
const NO_FLOORS: DurationFloor[] = [];

/** `bidfloor` in base micros, rounded up; null when its currency is unknown to the FX table. An absent currency means USD (2.6, 3.2.4). */
export function floorMicrosOf(holder: JsonObject, fx: FxTable): number | null {
  const micros = ceilMicros(numberOf(holder['bidfloor'], 0));
  if (micros === 0) return 0;
  return floorToBaseMicros(fx, textOf(holder['bidfloorcur']) || 'USD', micros);
}

/**
 * `durfloors` (2.6, 3.2.35), which share the currency of `holder`, the impression or deal around them. Null when a floor cannot be
 * kept because its currency is unknown.
 */
export function durationFloorsOf(list: unknown, holder: JsonObject, fx: FxTable): DurationFloor[] | null {
  if (!Array.isArray(list) || list.length === 0) return NO_FLOORS;
  const out: DurationFloor[] = [];
  for (const item of list) {
    const range = objectOf(item);
    if (range === undefined || out.length >= MAX_RANGES) continue;
    const floorMicros = floorMicrosOf({ bidfloor: range['bidfloor'], bidfloorcur: holder['bidfloorcur'] }, fx);
    if (floorMicros === null) return null;
    out.push({
      minSeconds: numberOf(range['mindur'], 0),
      maxSeconds: numberOf(range['maxdur'], Number.MAX_SAFE_INTEGER),
      floorMicros,
    });
  }
  return out;
}

import type { JsonObject } from './json-shape';

/** One structural fault of a bid request. */
export interface Fault {
  code: string;
  pointer: string;
  detail: string;
}

/** Builds a fault; `pointer` is a JSON pointer. */
export const fault = (code: string, pointer: string, detail: string): Fault => ({ code, pointer, detail });

/** Fault unless each of `names` is absent or a number that is not negative. */
export function negativeFault(value: JsonObject, names: readonly string[], at: string): Fault | null {
  for (const name of names) {
    const member = value[name];
    if (member != null && !(typeof member === 'number' && member >= 0)) {
      return fault('range', `${at}/${name}`, 'must be a number that is not negative');
    }
  }
  return null;
}

/** Fault unless `value` is an array with at least one element, all strings. */
export function textListFault(value: unknown, at: string): Fault | null {
  if (!Array.isArray(value) || value.length === 0) return fault('required', at, 'needs at least one element');
  for (let i = 0; i < value.length; i += 1) {
    if (typeof value[i] !== 'string') return fault('type', `${at}/${i}`, 'must be a string');
  }
  return null;
}

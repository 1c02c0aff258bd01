/** The first field in which two JSON values differ. `undefined` means that the field is absent on that side. */
export interface Difference {
  /** RFC 6901 JSON pointer; '' when the values as a whole differ. */
  pointer: string;
  logged: unknown;
  replayed: unknown;
}

/**
 * Walks two JSON values in the field order of `logged` (then of `replayed`) and names the first leaf that differs, or
 * returns null when they are equal. Members that are `undefined` count as absent; numbers compare by value and -0 equals 0,
 * as both do in JSON text.
 */
export function firstDifference(logged: unknown, replayed: unknown, pointer = ''): Difference | null {
  if (logged === replayed) return null;
  if (!isContainer(logged) || !isContainer(replayed) || Array.isArray(logged) !== Array.isArray(replayed)) {
    return Number.isNaN(logged) && Number.isNaN(replayed) ? null : { pointer, logged, replayed };
  }
  const names = new Set([...Object.keys(logged), ...Object.keys(replayed)]);
  for (const name of names) {
    const found = firstDifference(logged[name], replayed[name], `${pointer}/${escapeToken(name)}`);
    if (found) return found;
  }
  return null;
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

const escapeToken = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

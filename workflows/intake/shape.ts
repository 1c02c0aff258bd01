/** Small checks of values that came over the wire. The contracts' schemas stay outside: a schema library would triple the bundle. */

/** Answers what is wrong with a value, as "at/where: what", or null. */
export type Shape = (value: unknown, at: string) => string | null;

const wrong = (at: string, what: string): string => `${at === '' ? 'the message' : at} must be ${what}`;

/** Text of `least` to `most` characters. */
export const text =
  (most = 200, least = 1): Shape =>
  (value, at) =>
    typeof value === 'string' && value.length >= least && value.length <= most
      ? null
      : wrong(at, `text of ${least} to ${most} characters`);

/** A finite number of at least `least`. */
export const number =
  (least = Number.NEGATIVE_INFINITY): Shape =>
  (value, at) =>
    typeof value === 'number' && Number.isFinite(value) && value >= least
      ? null
      : wrong(at, Number.isFinite(least) ? `a number of at least ${least}` : 'a number');

export const oneOf =
  (values: readonly string[]): Shape =>
  (value, at) =>
    typeof value === 'string' && values.includes(value) ? null : wrong(at, `one of ${values.join(', ')}`);

/** Not empty; every entry has the shape. */
export const list =
  (of: Shape): Shape =>
  (value, at) => {
    if (!Array.isArray(value) || value.length === 0) return wrong(at, 'a list that is not empty');
    return first(value.map((entry, n) => () => of(entry, `${at}/${n}`)));
  };

/** An object with at least these members; others are let through, so that newer senders are understood. */
export const members =
  (shapes: Readonly<Record<string, Shape>>): Shape =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong(at, 'an object');
    const given = value as Record<string, unknown>;
    return first(
      Object.entries(shapes).map(
        ([name, shape]) =>
          () =>
            shape(given[name], `${at}/${name}`),
      ),
    );
  };

export const optional =
  (shape: Shape): Shape =>
  (value, at) =>
    value === undefined ? null : shape(value, at);

export const nullable =
  (shape: Shape): Shape =>
  (value, at) =>
    value === null ? null : shape(value, at);

function first(checks: readonly (() => string | null)[]): string | null {
  for (const check of checks) {
    const fault = check();
    if (fault !== null) return fault;
  }
  return null;
}

/** A JSON object whose members are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object (no array, no null). */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The object, or undefined for anything else. */
export const objectOf = (value: unknown): JsonObject | undefined => (isObject(value) ? value : undefined);

/** The string, or '' for anything else. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The finite number, or `fallback` for anything else. */
export const numberOf = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : fallback;

/** The strings of an array; others are left out. */
export function textsOf(value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0) return [];
  const out: string[] = [];
  for (const item of value) if (typeof item === 'string' && item.length > 0) out.push(item);
  return out;
}

/** The finite numbers of an array; others are left out. */
export function numbersOf(value: unknown): number[] {
  if (!Array.isArray(value) || value.length === 0) return [];
  const out: number[] = [];
  for (const item of value) if (typeof item === 'number' && Number.isFinite(item)) out.push(item);
  return out;
}

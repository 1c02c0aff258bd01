import type { ValueTransformer } from 'typeorm';

/** Postgres bigint (text on the wire) as an exact JavaScript number. @throws RangeError beyond 2^53 - 1. */
export function exactNumber(value: string | number | bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${String(value)} is not an exact integer in JavaScript`);
  return number;
}

/** Column transformer for bigint columns whose values stay below 2^53. */
export const bigintNumber: ValueTransformer = {
  to: (value: number | null | undefined) => value,
  from: (value: string | null) => (value === null ? null : exactNumber(value)),
};

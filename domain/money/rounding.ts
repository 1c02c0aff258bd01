/** Largest price that is ever parsed or bid, CPM micros: one million units per mille. */
export const MAX_PRICE_MICROS = 1_000_000_000_000;

/** Floors a positive float to whole micros; NaN, infinities and negatives become 0. */
export function floorMicros(value: number): number {
  return value > 0 && value < Number.MAX_SAFE_INTEGER ? Math.floor(value) : 0;
}

/** Divides integers and rounds half to even, for reports. Throws RangeError on a divisor of 0. */
export function divideHalfEven(dividend: bigint, divisor: bigint): bigint {
  if (divisor === 0n) throw new RangeError('division by zero');
  const n = divisor < 0n ? -dividend : dividend;
  const d = divisor < 0n ? -divisor : divisor;
  let quotient = n / d;
  let remainder = n % d;
  if (remainder < 0n) {
    quotient -= 1n;
    remainder += d;
  }
  const twice = remainder * 2n;
  if (twice > d || (twice === d && quotient % 2n !== 0n)) quotient += 1n;
  return quotient;
}

/** Nanos to micros for a report, half to even. */
export const reportMicros = (nanos: bigint): bigint => divideHalfEven(nanos, 1000n);

/**
 * What `quantity` impressions cost at a price of CPM micros, in nanos, rounded up: one place of digital out of home is seen by many, and
 * the count is an estimate that need not be whole.
 */
export const nanosOfImpressions = (cpmMicros: number, quantity: number): number => Math.ceil(cpmMicros * quantity);

import { MAX_PRICE_MICROS } from './rounding';

const ZERO = 48;
const NINE = 57;
const DOT = 46;
/** Longer than any honest price text; keeps the loop bounded. */
const MAX_TEXT = 40;

/**
 * Parses a plain decimal text (`12`, `0.530000`, `.5`) to integer micros, exactly: digits beyond the sixth are dropped.
 * Returns null for anything else: empty, signs, exponents, unexpanded macros, more than MAX_PRICE_MICROS.
 */
export function parsePriceMicros(text: string): number | null {
  if (text.length === 0 || text.length > MAX_TEXT) return null;
  let micros = 0;
  let decimals = -1;
  let digits = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === DOT && decimals < 0) {
      decimals = 0;
      continue;
    }
    if (code < ZERO || code > NINE) return null;
    digits += 1;
    if (decimals >= 6) continue;
    if (decimals >= 0) decimals += 1;
    micros = micros * 10 + (code - ZERO);
    if (micros > MAX_PRICE_MICROS) return null;
  }
  if (digits === 0) return null;
  const scaled = micros * 10 ** (6 - Math.max(0, decimals));
  return scaled > MAX_PRICE_MICROS ? null : scaled;
}

/** Prints integer micros as a plain decimal without an exponent: 1230000 -> "1.23". */
export function printMicros(micros: number): string {
  const whole = Math.floor(micros / 1e6);
  const rest = micros - whole * 1e6;
  if (rest === 0) return String(whole);
  return `${whole}.${String(rest).padStart(6, '0').replace(/0+$/, '')}`;
}

/**
 * Micros of a price that arrived as a JSON number (a floor): rounded up, so that a bid at it is never below the floor.
 * At most MAX_PRICE_MICROS. A relative 1e-12 is forgiven, because 0.1 + 0.2 style noise is not meant to cost a micro.
 */
export function ceilMicros(units: number): number {
  // 1e308 units are infinitely many micros, and infinity less its noise is no number: a floor like that is simply out of reach.
  const micros = units * 1e6;
  if (micros >= MAX_PRICE_MICROS) return MAX_PRICE_MICROS;
  return micros > 0 ? Math.ceil(micros - micros * 1e-12 - 1e-9) : 0;
}

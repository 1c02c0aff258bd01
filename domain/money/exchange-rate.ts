import type { FxTable } from '../contracts/exchange';
import { MAX_PRICE_MICROS } from './rounding';

/** Units of `currency` (any case) that one unit of the table's base buys; null when the table does not know it. */
export function rateOf(fx: FxTable, currency: string): number | null {
  const code = currency.toUpperCase();
  if (code === fx.base) return 1;
  return fx.rates[code] ?? null;
}

/** A price in `currency` micros as base micros, rounded up: for floors. Null when the currency is unknown. */
export function floorToBaseMicros(fx: FxTable, currency: string, micros: number): number | null {
  const rate = rateOf(fx, currency);
  if (rate === null) return null;
  if (rate === 1) return Math.ceil(micros);
  const base = micros / rate;
  return Math.min(MAX_PRICE_MICROS, Math.ceil(base - base * 1e-12));
}

/** A value or cap in `currency` micros as base micros, rounded down. Null when the currency is unknown. */
export function amountToBaseMicros(fx: FxTable, currency: string, micros: number): number | null {
  const rate = rateOf(fx, currency);
  if (rate === null) return null;
  return Math.floor(micros / rate);
}

/**
 * A bid in base micros as micros of the currency it is sent in, rounded down, except that 1e-9 relative noise is forgiven
 * so that a bid at a floor (rounded up on the way in) is at the floor on the way out. Throws RangeError on an unknown currency.
 */
export function bidToCurrencyMicros(fx: FxTable, currency: string, micros: number): number {
  const rate = rateOf(fx, currency);
  if (rate === null) throw new RangeError(`no exchange rate for ${currency}`);
  if (rate === 1) return micros;
  const out = micros * rate;
  return Math.floor(out + out * 1e-9);
}

/** A paid price in `currency` micros as base micros, rounded up: spend is never understated. Null when unknown. */
export function paidToBaseMicros(fx: FxTable, currency: string, micros: number): number | null {
  const rate = rateOf(fx, currency);
  if (rate === null) return null;
  if (rate === 1) return micros;
  const base = micros / rate;
  return Math.ceil(base - base * 1e-9);
}

import type { FxTable } from '../contracts/exchange';
import { divideHalfEven, rateOf } from '../money';

export const PPB = 1_000_000_000n;

/** Units of `currency` per unit of the base, billionths; null when the table does not know it, or knows it as nothing. */
export function ratePpbOf(fx: FxTable, currency: string): bigint | null {
  const rate = rateOf(fx, currency);
  const ppb = rate === null ? 0n : BigInt(Math.round(rate * Number(PPB)));
  return ppb > 0n ? ppb : null;
}

/** Nanos of a currency as nanos of the base, half to even. */
export const toBaseNanos = (currencyNanos: bigint, ratePpb: bigint): bigint =>
  ratePpb === PPB ? currencyNanos : divideHalfEven(currencyNanos * PPB, ratePpb);

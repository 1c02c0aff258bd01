import type { FxTable } from '#domain/contracts';
import { paidToBaseMicros, parsePriceMicros } from '#domain/money';
import type { ReadPrice } from './price-reader';

/** What a price macro said. The macro is outside the MAC, so `paid` never exceeds the bid. */
export type NoticePrice =
  | { kind: 'paid'; micros: number; wasClamped: boolean }
  /** Macro missing, empty or not expanded: the bid's full price is charged. */
  | { kind: 'absent'; micros: number }
  /** The exchange tests its notices (OpenRTB "AUDIT"): nothing happened. */
  | { kind: 'audit' }
  | { kind: 'malformed' };

/** Price of a notice that an exchange sends to test its notices. */
export const AUDIT = 'AUDIT';

const isAbsent = (text: string | null): text is null | '' => text === null || text === '' || text.startsWith('${');

/**
 * Price of a win or billing notice, CPM micros of the fleet's currency.
 * @param maxMicros price bid, in the fleet's currency
 * @param readPrice how the exchange writes prices
 */
export function readNoticePrice(
  text: string | null,
  currency: string,
  maxMicros: number,
  fx: FxTable,
  readPrice: ReadPrice = parsePriceMicros,
): NoticePrice {
  if (isAbsent(text)) return { kind: 'absent', micros: maxMicros };
  if (text === AUDIT) return { kind: 'audit' };
  const micros = readPrice(text);
  if (micros === null) return { kind: 'malformed' };
  const base = paidToBaseMicros(fx, currency, micros);
  if (base === null) return { kind: 'absent', micros: maxMicros };
  return { kind: 'paid', micros: Math.min(base, maxMicros), wasClamped: base > maxMicros };
}

/** Minimum price to win as disclosed, always a plain decimal, CPM micros of the fleet's currency; null when it is not. */
export function readMinToWin(text: string | null, currency: string, fx: FxTable): number | null {
  if (isAbsent(text)) return null;
  const micros = parsePriceMicros(text);
  return micros === null || micros === 0 ? null : paidToBaseMicros(fx, currency, micros);
}

/** OpenRTB loss reason code, null when it is missing or no small integer. */
export function readLossReason(text: string | null): number | null {
  if (isAbsent(text) || !/^\d{1,4}$/.test(text)) return null;
  return Number(text);
}

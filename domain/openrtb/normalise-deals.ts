import type { FxTable } from '../contracts/exchange';
import type { DealOffer } from '../contracts/normalised-request';
import { durationFloorsOf, floorMicrosOf } from './floors';
import { numberOf, objectOf, textOf, textsOf, type JsonObject } from './json-shape';

/** Most deals that are read of one impression. */
const MAX_DEALS = 64;
const NO_DEALS: DealOffer[] = [];

/**
 * Deals of `imp.pmp` that our seat may bid on. A deal's floor has its own currency, USD when absent: it does not inherit the impression's.
 * A deal whose floor cannot be kept is left out.
 */
export function normaliseDeals(
  pmp: JsonObject | undefined,
  fx: FxTable,
  seat: string,
  auctionType: 1 | 2,
): DealOffer[] {
  const list = pmp?.['deals'];
  if (!Array.isArray(list) || list.length === 0) return NO_DEALS;
  const out: DealOffer[] = [];
  for (const item of list) {
    const deal = objectOf(item);
    if (deal === undefined || out.length >= MAX_DEALS) continue;
    const offer = dealOf(deal, fx, seat, auctionType);
    if (offer !== null) out.push(offer);
  }
  return out;
}

function dealOf(deal: JsonObject, fx: FxTable, seat: string, auctionType: 1 | 2): DealOffer | null {
  const seats = textsOf(deal['wseat']);
  if (seats.length > 0 && !seats.includes(seat)) return null;
  const floorMicros = floorMicrosOf(deal, fx);
  const floors = durationFloorsOf(deal['durfloors'], deal, fx);
  if (floorMicros === null || floors === null) return null;
  const at = numberOf(deal['at'], auctionType);
  return {
    id: textOf(deal['id']),
    floorMicros,
    auctionType: at === 2 || at === 3 ? at : 1,
    domains: textsOf(deal['wadomain']).map((domain) => domain.toLowerCase()),
    isGuaranteed: deal['guar'] === 1,
    floors,
  };
}

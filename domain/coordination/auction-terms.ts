import type {
  DealOffer,
  DurationFloor,
  NormalisedImpression,
  NormalisedRequest,
} from '../contracts/normalised-request';
import type { Creative } from '../contracts/creative';

/** What one bid is bound by: the deal's terms, or those of the open auction. */
export interface AuctionTerms {
  /** 1 first price, 2 second price, 3 fixed price: `floorMicros` is then the price itself. */
  auctionType: 1 | 2 | 3;
  /** CPM micros of the fleet's currency. */
  floorMicros: number;
  /** The deal must be bid on, whatever the impression is worth. */
  isGuaranteed: boolean;
}

/**
 * Terms for one creative. Floors, the narrowest first: the deal's for this duration, the deal's, the slot's for this duration, the
 * impression's (OpenRTB 2.6, 3.2.12 and 3.2.35).
 */
export function auctionTerms(
  request: NormalisedRequest,
  impression: NormalisedImpression,
  deal: DealOffer | null,
  creative: Creative,
): AuctionTerms {
  if (deal !== null) {
    const floorMicros = durationFloor(deal.floors, creative) ?? deal.floorMicros;
    return { auctionType: deal.auctionType, floorMicros, isGuaranteed: deal.isGuaranteed };
  }
  const floors = creative.type === 'video' || creative.type === 'audio' ? impression[creative.type]?.floors : undefined;
  const floorMicros = durationFloor(floors ?? [], creative) ?? impression.floorMicros;
  return { auctionType: request.auctionType, floorMicros, isGuaranteed: false };
}

function durationFloor(floors: readonly DurationFloor[], creative: Creative): number | null {
  if (floors.length === 0 || !('durationSeconds' in creative)) return null;
  const { durationSeconds: seconds } = creative;
  const range = floors.find(({ minSeconds, maxSeconds }) => seconds >= minSeconds && seconds <= maxSeconds);
  return range?.floorMicros ?? null;
}

/** The deal that a decision bid under, out of its own request; null = the open auction. */
export const dealOf = (impression: NormalisedImpression, dealId: string | null | undefined): DealOffer | null =>
  impression.deals?.find(({ id }) => id === dealId) ?? null;

import type { NoBidReason } from '../contracts/no-bid-reason';
import type { DealOffer, NormalisedImpression } from '../contracts/normalised-request';
import type { ServedCampaign, ServedCreative } from './served-campaign';

/** How a campaign bids on an impression: under a deal or openly, and with which of its creatives. */
export interface DealChoice {
  deal: DealOffer | null;
  creatives: ServedCreative[];
}

/**
 * A campaign that names deals bids under those alone, one that names none in the open auction alone. Of several deals the guaranteed one
 * is taken, else the one with the lowest floor, as the exchange lists them when they are equal.
 */
export function dealFor(
  campaign: ServedCampaign,
  impression: NormalisedImpression,
  creatives: ServedCreative[],
): DealChoice | Extract<NoBidReason, 'no-deal' | 'deal-advertiser'> {
  const wanted = campaign.deals;
  if (wanted === null) return impression.isDealsOnly === true ? 'no-deal' : { deal: null, creatives };
  let best: DealChoice | null = null;
  let isKnown = false;
  for (const deal of impression.deals ?? []) {
    if (!wanted.has(deal.id)) continue;
    isKnown = true;
    const allowed = deal.domains.length === 0 ? creatives : creatives.filter((one) => isAllowed(one, deal));
    if (allowed.length > 0 && (best?.deal == null || isBetter(deal, best.deal))) best = { deal, creatives: allowed };
  }
  return best ?? (isKnown ? 'deal-advertiser' : 'no-deal');
}

const isAllowed = (creative: ServedCreative, { domains }: DealOffer): boolean =>
  creative.domainSuffixes.some((domain) => domains.includes(domain));

const isBetter = (deal: DealOffer, than: DealOffer): boolean =>
  deal.isGuaranteed === than.isGuaranteed ? deal.floorMicros < than.floorMicros : deal.isGuaranteed;

/**
 * Why an impression or a candidate got no bid: a closed set of values, counted per stage and campaign, never logged.
 * `nbr` codes are OpenRTB's No-Bid Reason Codes (AdCOM 1.0 list), sent on request.
 */
export const NO_BID_REASONS = [
  // receive, decode
  'malformed',
  'unknown-exchange',
  'too-late',
  'test-stopped',
  // whole request
  'not-ready',
  'bidding-stopped',
  'price-unreadable',
  'coppa',
  'no-vendor',
  'no-consent',
  'opted-out',
  'supply-chain-incomplete',
  'currency-not-allowed',
  // impression
  'no-banner',
  'no-format',
  'pod-unsupported',
  'nonlinear-unsupported',
  'unsupported-format',
  'quantity-unsupported',
  'floor-currency-unknown',
  'private-deals-only',
  'rewarded-or-interstitial-unsupported',
  // candidate filters, cheapest first
  'campaign-paused',
  'out-of-flight',
  'dayparting',
  'exchange-not-targeted',
  'geo',
  'device',
  'os',
  'language',
  'site-list',
  'app-list',
  'segment',
  'category-blocked',
  'advertiser-blocked',
  'seat-blocked',
  'attribute-blocked',
  'creative-not-approved',
  'creative-size',
  'creative-asset',
  'creative-duration',
  'creative-protocol',
  'creative-mime',
  'creative-api',
  'creative-language',
  'creative-insecure',
  'dsa-required',
  'app-blocked',
  'no-deal',
  'deal-advertiser',
  'capped-without-id',
  'budget-exhausted',
  'frequency-cap',
  'quarantined',
  // decide, reserve
  'throttled',
  'frequency-veto',
  'below-floor',
  'off-deal-price',
  'no-surplus',
  'no-candidate',
  'lost-race',
  'outbox-full',
  'internal-error',
] as const;
export type NoBidReason = (typeof NO_BID_REASONS)[number];

/** Reasons of `decide` for a campaign that came through the match, the last step that it reached first. */
export const DECIDE_REASONS: readonly NoBidReason[] = [
  'lost-race',
  'no-surplus',
  'off-deal-price',
  'below-floor',
  'frequency-veto',
  'throttled',
];

/** OpenRTB `nbr` for a reason: 0 unknown, 1 technical, 2 invalid request, 8 unmatched user, and the newer ones. */
export const NBR_BY_REASON: Partial<Record<NoBidReason, number>> = {
  malformed: 2,
  'internal-error': 1,
  'not-ready': 1,
  'price-unreadable': 1,
  'unknown-exchange': 2,
  'capped-without-id': 8,
  'frequency-cap': 9,
  'too-late': 12,
};

/** `statuscode` of IAB's seat-non-bid extension per reason: 1 error, 101 too late, 202 media type, 204 privacy, 301 below the floor. */
const STATUS_BY_REASON: Partial<Record<NoBidReason, number>> = {
  'internal-error': 1,
  'not-ready': 1,
  'price-unreadable': 1,
  'too-late': 101,
  coppa: 204,
  'no-vendor': 204,
  'no-consent': 204,
  'opted-out': 204,
  'capped-without-id': 204,
  'no-banner': 202,
  'no-format': 202,
  'pod-unsupported': 202,
  'nonlinear-unsupported': 202,
  'unsupported-format': 202,
  'quantity-unsupported': 202,
  'creative-size': 202,
  'creative-asset': 202,
  'creative-duration': 202,
  'creative-protocol': 202,
  'creative-mime': 202,
  'creative-api': 202,
  'below-floor': 301,
  'off-deal-price': 301,
};

/** Code of the seat-non-bid extension; 0 = no bid, for no reason that it has a code for. */
export const seatNonBidStatus = (reason: NoBidReason): number => STATUS_BY_REASON[reason] ?? 0;

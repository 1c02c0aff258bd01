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
  'coppa',
  'no-consent',
  'opted-out',
  'currency-not-allowed',
  // impression
  'no-banner',
  'unsupported-format',
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
  'creative-insecure',
  'capped-without-id',
  'budget-exhausted',
  'frequency-cap',
  'quarantined',
  // decide, reserve
  'throttled',
  'frequency-veto',
  'below-floor',
  'no-surplus',
  'no-candidate',
  'lost-race',
  'outbox-full',
  'internal-error',
] as const;
export type NoBidReason = (typeof NO_BID_REASONS)[number];

/** OpenRTB `nbr` for a reason: 0 unknown, 1 technical, 2 invalid request, 8 unmatched user, and the newer ones. */
export const NBR_BY_REASON: Partial<Record<NoBidReason, number>> = {
  malformed: 2,
  'internal-error': 1,
  'not-ready': 1,
  'unknown-exchange': 2,
  'capped-without-id': 8,
  'frequency-cap': 9,
  'too-late': 12,
};

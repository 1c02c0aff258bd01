import type { NoBidReason } from '#domain/contracts';

/** A reason for a person: what it means for the campaign, and what to do about it. */
export interface ReasonWords {
  means: string;
  toDo: string;
}

const words = (means: string, toDo: string): ReasonWords => ({ means, toDo });

const TARGETING = 'Nothing, if the targeting is meant so; else widen it in the campaign.';
const PUBLISHER = 'Nothing here: the publisher decides. Other inventory may allow it.';
const CREATIVE = 'Add a creative that fits what is asked for.';
const PRIVACY = 'Nothing here: the law or the visitor decides.';
const REQUEST = 'Nothing for this campaign: the request is the exchange’s.';
const OPERATIONS = 'Look at this page’s top: the edge is not in order.';

/** Words for every reason; a new reason without words does not compile. */
export const REASON_WORDS: Readonly<Record<NoBidReason, ReasonWords>> = {
  malformed: words('The request was no valid OpenRTB.', REQUEST),
  'unknown-exchange': words('No settings exist for the exchange that asked.', 'Set them: adloop exchange set.'),
  'too-late': words(
    'Too little of the time allowed was left.',
    'Look at the latency per stage and the event loop’s lag.',
  ),
  'test-stopped': words('A test request met a stop.', REQUEST),
  'not-ready': words('The edge had no snapshot yet.', OPERATIONS),
  'bidding-stopped': words('A kill order stops bidding.', 'See adloop kill show; lifting takes two operators.'),
  'price-unreadable': words(
    'The exchange encrypts its prices and this edge does not have the key.',
    'Put the key into PRICE_KEYS_DIR and restart the edge.',
  ),
  coppa: words('The request is about children.', PRIVACY),
  'no-vendor': words(
    'The request is under GDPR and we have no vendor id at this exchange.',
    'Set gvlVendorId: adloop exchange set.',
  ),
  'no-consent': words('The visitor did not consent to advertising by us.', PRIVACY),
  'opted-out': words('The visitor opted out.', PRIVACY),
  'supply-chain-incomplete': words('The request does not say who sold the slot.', REQUEST),
  'currency-not-allowed': words(
    'The request takes no currency that we can convert.',
    'Add the currency to the FX table.',
  ),
  'no-banner': words('The slot takes no ad form that we offer.', REQUEST),
  'no-format': words('The slot names no usable size.', REQUEST),
  'pod-unsupported': words('The slot is an ad pod, which is not supported.', REQUEST),
  'nonlinear-unsupported': words('The slot is an overlay, which is not supported.', REQUEST),
  'unsupported-format': words('The slot’s form is not supported.', REQUEST),
  'quantity-unsupported': words('The slot counts for a number of people that cannot be reckoned with.', REQUEST),
  'floor-currency-unknown': words('The floor is in a currency without a rate.', 'Add the currency to the FX table.'),
  'private-deals-only': words('The slot is for deals only, and none is ours.', 'Agree a deal and target it.'),
  'rewarded-or-interstitial-unsupported': words('The slot’s kind is not supported.', REQUEST),
  'campaign-paused': words('The campaign is paused.', 'Set its status to active.'),
  'out-of-flight': words('The campaign has not begun yet, or is over.', 'Check startAt and endAt.'),
  dayparting: words('The campaign does not bid in this hour of the week.', TARGETING),
  'exchange-not-targeted': words('The campaign does not target the exchange.', TARGETING),
  geo: words('The visitor is in another country.', TARGETING),
  device: words('The device is of another type.', TARGETING),
  os: words('The operating system is another one.', TARGETING),
  language: words('The visitor’s language is another one.', TARGETING),
  'site-list': words('The site is blocked, or not among those allowed.', TARGETING),
  'app-list': words('The app is blocked, or not among those allowed.', TARGETING),
  segment: words('The visitor is in none of the segments wanted.', TARGETING),
  'category-blocked': words('Category: the publisher refuses the ad’s, or the campaign avoids the page’s.', PUBLISHER),
  'advertiser-blocked': words('The publisher blocks the advertiser.', PUBLISHER),
  'seat-blocked': words(
    'The publisher does not take bids of our seat.',
    'Ask the exchange; check the seat: adloop exchange show.',
  ),
  'attribute-blocked': words('The publisher refuses an attribute of the creative.', CREATIVE),
  'creative-not-approved': words('No creative has passed its review.', 'Have the creatives reviewed.'),
  'creative-size': words('No creative has a size that is asked for.', CREATIVE),
  'creative-asset': words('No native creative has the parts asked for.', CREATIVE),
  'creative-duration': words('No creative is of the length asked for.', CREATIVE),
  'creative-protocol': words('No creative speaks a VAST version asked for.', CREATIVE),
  'creative-mime': words('No creative is of a media type asked for.', CREATIVE),
  'creative-api': words('No creative goes without, or with, the API framework there.', CREATIVE),
  'creative-language': words('No creative is in a language asked for.', CREATIVE),
  'creative-insecure': words('The page is https and the creative is not.', 'Serve the creative by https.'),
  'dsa-required': words(
    'The slot needs a DSA statement, and the creative has none, or does not show it where the publisher cannot.',
    'Give the creative a statement (dsa).',
  ),
  'app-blocked': words('The publisher blocks the app that is advertised.', PUBLISHER),
  'no-deal': words('None of the deals targeted is on offer.', 'Check the deals targeted, and with the seller.'),
  'deal-advertiser': words('The deal is not for this advertiser.', 'Ask the seller to add the domain.'),
  'capped-without-id': words(
    'The campaign caps frequency and the visitor has no id to count by.',
    'Nothing; or run an uncapped campaign for such inventory.',
  ),
  'budget-exhausted': words(
    'The leases at this edge have no room for the least price.',
    'Look at the leases; a spent daily budget comes back tomorrow.',
  ),
  'frequency-cap': words(
    'The visitor has seen it as often as allowed.',
    'Raise the cap, or widen the targeting to reach others.',
  ),
  quarantined: words('An agent is quarantined.', 'See quarantined agents on this page.'),
  throttled: words(
    'Pacing holds back so that the budget lasts the day.',
    'Nothing; or raise the daily budget to spend faster.',
  ),
  'frequency-veto': words(
    'The Frequency agent saw no use in yet another showing.',
    'Add fresh creatives, or widen the targeting.',
  ),
  'below-floor': words(
    'The bid would have been below the floor.',
    'Raise the bid cap or the goal; or leave dear inventory out.',
  ),
  'off-deal-price': words(
    'The deal’s fixed price is above what a showing is worth to us.',
    'Renegotiate the deal, or raise the goal.',
  ),
  'no-surplus': words('At no price was a gain to be expected.', 'Raise the goal’s amount, or improve the creatives.'),
  'no-candidate': words('No campaign was left.', 'See the other reasons.'),
  'lost-race': words(
    'Cap or budget were taken by another bid at the same moment.',
    'Nothing; with many of them, larger leases.',
  ),
  'outbox-full': words('Nothing could be recorded, so nothing was bid.', OPERATIONS),
  'internal-error': words('A programmer error cost the bid.', 'Read the log of this edge and report it.'),
};

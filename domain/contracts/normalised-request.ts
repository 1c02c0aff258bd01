/**
 * A bid request after decode: only the fields that Adloop's decision reads, with defaults applied and privacy enforced.
 * It is written into the decision record and is enough to decide again; raw ids and addresses never enter it.
 */
export interface NormalisedRequest {
  requestId: string;
  exchange: string;
  /** 1 first price, 2 second price plus; 3 is refused here because deals are a later issue. */
  auctionType: 1 | 2;
  tmaxMs: number;
  isTest: boolean;
  /** Currencies the exchange accepts, upper case; the first that the FX table knows is bid in. */
  currencies: string[];
  bidCurrency: string;
  channel: 'site' | 'app' | 'dooh';
  /** Site domain or app bundle, lower case; '' when absent. */
  publisher: string;
  language: string;
  country: string;
  deviceType: number;
  os: string;
  isMobile: boolean;
  /** Keyed hash of the consented user id, 16 hex digits; null without id or consent. */
  userKey: string | null;
  /** 0..199, from the user key and the layer's salt; null without a user key. */
  userBucket: number | null;
  segments: string[];
  /** Categories of the page or app itself, for a campaign's own block list. */
  contentCategories: string[];
  blockedCategories: string[];
  /** `acat`: when not empty, only these advertiser categories are allowed. */
  allowedCategories: string[];
  blockedAdvertisers: string[];
  allowedSeats: string[];
  blockedSeats: string[];
  /** Set when the whole request must not be bid on: coppa, no-consent, opted-out, currency-not-allowed. */
  veto: RequestVeto | null;
  impressions: NormalisedImpression[];
}

export type RequestVeto = 'coppa' | 'no-consent' | 'opted-out' | 'currency-not-allowed' | 'seat-blocked';

export interface NormalisedImpression {
  impId: string;
  /** Banner sizes offered, in order of preference; empty when no banner is offered. */
  sizes: { w: number; h: number }[];
  /** Why no creative of ours can fit at all, else null. */
  veto: 'no-banner' | 'unsupported-format' | 'floor-currency-unknown' | 'private-deals-only' | null;
  /** Floor in CPM micros of the fleet's currency, after FX, rounded up. */
  floorMicros: number;
  isSecure: boolean;
  isInterstitial: boolean;
  /** AdCOM placement position, 0 unknown. */
  position: number;
  blockedAttributes: number[];
  blockedTypes: number[];
  /** Banner MIME types supported; empty = any. */
  mimes: string[];
}

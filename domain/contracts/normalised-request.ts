/**
 * A bid request after decode: only the fields that Adloop's decision reads, with defaults applied and privacy enforced.
 * It is written into the decision record and is enough to decide again; raw ids and addresses never enter it.
 */
export interface NormalisedRequest {
  requestId: string;
  exchange: string;
  /** Of the open auction: 1 first price, 2 second price plus; 3 closes it (`isDealsOnly`). A deal has its own. */
  auctionType: 1 | 2;
  tmaxMs: number;
  isTest: boolean;
  /** Sellers between the publisher and us as far as the chain says; `isComplete` = it reaches back to the publisher. Null = no chain was sent. */
  supplyChain?: { isComplete: boolean; hops: number } | null;
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
  /** What may be done with what is known of the user; absent in older records: all of it. */
  consent?: UserConsent;
  /** Categories of the page or app itself, for a campaign's own block list. */
  contentCategories: string[];
  blockedCategories: string[];
  /** `acat`: when not empty, only these advertiser categories are allowed. */
  allowedCategories: string[];
  blockedAdvertisers: string[];
  /** `bapp`: apps that must not be advertised, lower case; absent in older records, as is the next. */
  blockedApps?: string[];
  /** `wlang`: languages that an ad may have, two letters, lower case; empty = any. */
  allowedLanguages?: string[];
  allowedSeats: string[];
  blockedSeats: string[];
  /** What is asked of a statement under the Digital Services Act; null = nothing, absent in older records. */
  dsa?: DsaDemand | null;
  /** Set when the whole request must not be bid on. */
  veto: RequestVeto | null;
  impressions: NormalisedImpression[];
}

/** Entry of `blockedCategories` that blocks every creative: a list that cannot be compared was sent. */
export const BLOCK_ALL = '*';

/** `regs.dsa` of a request that has use for a statement. */
export interface DsaDemand {
  /** 0 for audits only, 1 welcome, 2 needed, 3 needed by an online platform. */
  required: number;
  /** Whether the publisher shows it: 0 cannot, 1 could, 2 will. */
  publisherRenders: number;
  /** Whether the publisher wants who used which of the user's data, for its audits: 0 no, 1 as we like, 2 yes. Absent in older records. */
  dataToPublisher?: 0 | 1 | 2;
}

/** What privacy signals leave allowed where a user key is not forbidden. */
export interface UserConsent {
  /** Read the user's past and learn from it. */
  profile: boolean;
  /** Ascribe clicks and conversions to the ad. */
  measure: boolean;
}

/** `coppa` and `opted-out` stand in older records only: such requests are bid on without a user key now. */
export type RequestVeto =
  | 'coppa'
  | 'no-vendor'
  | 'no-consent'
  | 'opted-out'
  | 'supply-chain-incomplete'
  | 'currency-not-allowed'
  | 'seat-blocked';

/** Why no creative of ours can fit an impression at all; `dsa-required` in older records only: creatives may hold a statement now. */
export type ImpressionVeto =
  | 'no-banner'
  | 'no-format'
  | 'pod-unsupported'
  | 'nonlinear-unsupported'
  | 'unsupported-format'
  | 'quantity-unsupported'
  | 'dsa-required'
  | 'floor-currency-unknown'
  | 'private-deals-only';

export interface NormalisedImpression {
  impId: string;
  /** Banner sizes offered, in order of preference; empty when no banner is offered. */
  sizes: { w: number; h: number }[];
  /** Why no creative of ours can fit at all, else null. */
  veto: ImpressionVeto | null;
  /** Floor of the open auction in CPM micros of the fleet's currency, after FX, rounded up. */
  floorMicros: number;
  isSecure: boolean;
  isInterstitial: boolean;
  /** AdCOM placement position, 0 unknown. */
  position: number;
  blockedAttributes: number[];
  blockedTypes: number[];
  /** Banner MIME types supported; empty = any. */
  mimes: string[];
  // Absent in records from before the edge knew other formats than banners, from here on.
  /** API frameworks that the banner's place supports. */
  apis?: number[];
  /** Offers of the other formats; null where they are not offered. */
  video?: MediaOffer | null;
  audio?: MediaOffer | null;
  native?: NativeOffer | null;
  /** The user is rewarded for watching. */
  isRewarded?: boolean;
  /** Deals whose floor could be read and whose seats include ours. */
  deals?: DealOffer[];
  /** Only deals may be bid on. */
  isDealsOnly?: boolean;
  /** The publisher's or exchange's lasting name of the place: `ext.gpid`, else `tagid`; '' when it has none. */
  placement?: string;
  /** Impressions that one showing counts for (`qty.multiplier`); the price is for one of them. */
  quantity?: number;
  /** Seconds that may pass between the auction and the impression (`exp`); 0 = not said. */
  expirySeconds?: number;
}

/** Floor for ads of one range of durations, seconds, both ends included. */
export interface DurationFloor {
  minSeconds: number;
  maxSeconds: number;
  floorMicros: number;
}

/** What a video or audio slot takes. */
export interface MediaOffer {
  mimes: string[];
  minSeconds: number;
  /** 0 = no limit. */
  maxSeconds: number;
  /** Durations of which the ad must have exactly one; empty = any within the limits. */
  exactSeconds: number[];
  /** AdCOM creative subtypes; empty = not said. */
  protocols: number[];
  blockedAttributes: number[];
  apis: number[];
  minKbps: number;
  /** 0 = no limit. */
  maxKbps: number;
  /** Pixels of the player; 0 = not said, and for audio. */
  w: number;
  h: number;
  /** The player may letterbox an ad of another shape. */
  mayBox: boolean;
  /** Narrower floors than the impression's; the first that holds the ad's duration counts. */
  floors: DurationFloor[];
}

/** One asset that a native placement asks for. `kind` other than these is not offered to us. */
export interface NativeAsset {
  id: number;
  isRequired: boolean;
  kind: 'title' | 'img' | 'data' | 'video';
  /** Image or data type; 0 for titles. */
  type: number;
  /** Longest text; 0 = no limit. */
  maxChars: number;
  /** Exact pixels of an image, 0 = not said; and least ones. */
  w: number;
  h: number;
  minW: number;
  minH: number;
  mimes: string[];
}

/** What a native placement takes. */
export interface NativeOffer {
  /** As asked, e.g. `1.2`. */
  version: string;
  assets: NativeAsset[];
  blockedAttributes: number[];
  apis: number[];
  /** The placement reports impressions to an image URL among the event trackers. */
  takesEventTrackers: boolean;
}

/** One deal as offered. */
export interface DealOffer {
  id: string;
  /** Floor, or for a fixed price (`auctionType` 3) the price, in micros of the fleet's currency. */
  floorMicros: number;
  auctionType: 1 | 2 | 3;
  /** Advertiser domains allowed; empty = all. */
  domains: string[];
  isGuaranteed: boolean;
  floors: DurationFloor[];
}

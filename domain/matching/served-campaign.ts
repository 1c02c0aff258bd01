import type { ZoneClock } from '../calendar';
import type { Arm } from '../contracts/agent';
import type { Campaign } from '../contracts/campaign';
import type { Creative } from '../contracts/creative';
import type { TunedParams } from './tuned-policies';

/** One hard cap as served: where it counts and how much it allows. */
export interface ServedCap {
  readonly capKey: string;
  readonly windowMinutes: number;
  readonly maxImpressions: number;
}

/** Estimates of one creative under one arm's policies, computed once per snapshot. */
export interface CreativeEstimate {
  /** Smoothed click probability without exposure features. */
  readonly pCtr: number;
  /** Expected value per mille, CPM micros of the fleet's currency (a float up to the clamp). */
  readonly valueMicros: number;
}

/** A creative as served. */
export interface ServedCreative {
  readonly creativeId: string;
  readonly campaignId: string;
  readonly creative: Creative;
  readonly slotKey: number;
  /** `300x250` for a banner, else its format. */
  readonly size: string;
  readonly isApproved: boolean;
  /** No URL of the markup is plain http. */
  readonly isSecure: boolean;
  /** OpenRTB banner ad type: 2 XHTML, 3 JavaScript, 4 iframe; 0 for other formats. */
  readonly bannerType: 0 | 2 | 3 | 4;
  /** Media types that may carry a banner when an impression lists `mimes`, lower case. */
  readonly mimes: readonly string[];
  /** Each domain and its parents, lower case. */
  readonly domainSuffixes: readonly string[];
  /** Each category and its tier-1 parent, upper case. */
  readonly categoryPrefixes: readonly string[];
  readonly caps: readonly ServedCap[];
  readonly estimates: Readonly<Record<Arm, CreativeEstimate>>;
  /** A banner's markup cut at its placeholders: literal, name, literal, … */
  readonly markupParts: readonly string[];
}

/** A campaign as served: sets instead of lists, money in the fleet's currency. */
export interface ServedCampaign {
  readonly campaignId: string;
  readonly ordinal: number;
  readonly campaign: Campaign;
  readonly startMs: number;
  readonly endMs: number;
  readonly isActive: boolean;
  /** Null = always; else 168 flags. */
  readonly hours: Uint8Array | null;
  readonly clock: ZoneClock;
  readonly exchanges: ReadonlySet<string> | null;
  readonly countries: ReadonlySet<string> | null;
  readonly deviceTypes: ReadonlySet<number> | null;
  readonly os: ReadonlySet<string> | null;
  readonly languages: ReadonlySet<string> | null;
  readonly siteAllow: ReadonlySet<string> | null;
  readonly siteBlock: ReadonlySet<string> | null;
  readonly appAllow: ReadonlySet<string> | null;
  readonly appBlock: ReadonlySet<string> | null;
  readonly segments: ReadonlySet<string> | null;
  readonly categoryBlock: ReadonlySet<string> | null;
  readonly deals: ReadonlySet<string> | null;
  /** Caps of scope campaign and advertiser; those of scope creative sit on each creative. */
  readonly caps: readonly ServedCap[];
  readonly isCapped: boolean;
  readonly bidCapMicros: number;
  readonly safeBidMicros: number;
  /** Campaign that maximises surplus keeps k <= 1. */
  readonly isSurplus: boolean;
  /** Multiplier at which the expected cost per action meets the CPA target; Infinity without one. */
  readonly kCpa: number;
  /** Parameters of both arms with the campaign's weights put in. */
  readonly tuned: Readonly<Record<Arm, TunedParams>>;
  readonly creativesBySlot: ReadonlyMap<number, readonly ServedCreative[]>;
}

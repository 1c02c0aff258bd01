import type { Arm } from '../contracts/agent';
import type { Campaign } from '../contracts/campaign';
import type { Creative } from '../contracts/creative';
import type { NormalisedImpression } from '../contracts/normalised-request';
import type { PolicySnapshot } from '../contracts/policy-snapshot';
import type { ZoneClock } from '../calendar';
import type { CampaignBits } from './campaign-bits';
import type { IntentIndex } from './intent-index';
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

/** Everything that a request needs of a snapshot, precomputed. */
export interface ServingIndex {
  readonly snapshot: PolicySnapshot;
  readonly intents: IntentIndex;
  readonly campaigns: readonly ServedCampaign[];
  /** Which campaigns a request may be for, all at once. */
  readonly bits: CampaignBits;
  readonly campaignById: ReadonlyMap<string, ServedCampaign>;
  readonly creativeById: ReadonlyMap<string, ServedCreative>;
}

/** Banner size as one integer. */
export const sizeKeyOf = (w: number, h: number): number => w * 65_536 + h;

/** Slots of the formats that have no fixed sizes; no banner size is negative. */
export const SLOT_OF_FORMAT = { video: -1, audio: -2, native: -3 } as const;

/** Slot that a creative fits into by its format and, for a banner, its size. */
export const slotKeyOf = (creative: Creative): number =>
  creative.type === 'banner' ? sizeKeyOf(creative.width, creative.height) : SLOT_OF_FORMAT[creative.type];

/** Slots that an impression offers, banner sizes first and in its order. */
export function slotsOf(impression: NormalisedImpression): number[] {
  const slots: number[] = [];
  for (const { w, h } of impression.sizes) slots.push(sizeKeyOf(w, h));
  if (impression.video != null) slots.push(SLOT_OF_FORMAT.video);
  if (impression.audio != null) slots.push(SLOT_OF_FORMAT.audio);
  if (impression.native != null) slots.push(SLOT_OF_FORMAT.native);
  return slots;
}

import type { Creative } from '../contracts/creative';
import type { NormalisedImpression } from '../contracts/normalised-request';
import type { PolicySnapshot } from '../contracts/policy-snapshot';
import type { CampaignBits } from './campaign-bits';
import type { IntentIndex } from './intent-index';
import type { ServedCampaign, ServedCreative } from './served-campaign';

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

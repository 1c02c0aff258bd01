import { isCapReached } from '../agents/frequency';
import type { Arm } from '../contracts/agent';
import type { CandidateState } from '../contracts/decision-record';
import { NO_BID_REASONS, type NoBidReason } from '../contracts/no-bid-reason';
import type { DealOffer, NormalisedImpression } from '../contracts/normalised-request';
import { nanosOfImpressions } from '../money';
import { visitBits, type CampaignBitmap } from './campaign-bits';
import { creativeFilter, placeFilter, type RequestTerms } from './filters';
import { dealFor } from './deal-choice';
import type { ServedCampaign, ServedCreative } from './served-campaign';
import { slotsOf, type ServingIndex } from './serving-index';
import type { StateReader } from './state-reader';

/** Most (campaign, creative) pairs that go on to pricing (agents.md, coordination step 0). */
export const MAX_PAIRS = 64;
/** Most campaigns whose state is read, and so recorded: where nearly all have spent their budget, the rest have their turn. */
export const MAX_READS = 256;
/** Most campaigns per impression that are looked at only to say why they did not bid. */
const MAX_EXPLAINED = 64;

/** A campaign that survived all vetoes on one impression, with its surviving creatives (the action set). */
export interface Survivor {
  readonly campaign: ServedCampaign;
  readonly creatives: readonly ServedCreative[];
  readonly state: CandidateState;
  /** Deal under which the campaign bids; null = the open auction. */
  readonly deal: DealOffer | null;
}

/** Result of matching one impression. */
export interface MatchResult {
  survivors: Survivor[];
  /** State of every campaign whose state was read, survivors and vetoed alike, in index order. */
  candidates: CandidateState[];
  /**
   * Campaigns removed, by the reason of the filter that removed them. With the survivors they sum to all campaigns, unless there
   * were more than MAX_PAIRS to price: then matching stops early.
   */
  filtered: Partial<Record<NoBidReason, number>>;
  /** Why nobody survived: the furthest filter that any campaign with a creative for the slot reached; null with survivors. */
  reason: NoBidReason | null;
  /** Campaigns vetoed by a frequency cap although their pacing multiplier asks for spend (> 1). */
  cappedButHungry: CandidateState[];
}

/** State of the campaigns of one request, read at most once per campaign so that all impressions see the same. */
export class StateRecorder {
  private readonly seen = new Map<string, CandidateState>();

  constructor(
    private readonly reader: StateReader,
    private readonly arm: Arm,
    private readonly userKey: string | null,
  ) {}

  /** Reads (or recalls) a campaign's state. */
  campaign(campaign: ServedCampaign): CandidateState {
    const known = this.seen.get(campaign.campaignId);
    if (known) return known;
    const { multiplier, passThrough } = this.reader.pacing(campaign.campaignId, this.arm);
    const state: CandidateState = {
      campaignId: campaign.campaignId,
      pacingMultiplier: multiplier,
      passThrough,
      freeNanos: this.reader.freeNanos(campaign.campaignId, this.arm),
      capCounts: {},
      exposures24h: {},
      explorationLeft: this.reader.explorationLeft(campaign.campaignId, this.arm),
    };
    this.seen.set(campaign.campaignId, state);
    return state;
  }

  /** Passes a veto on to the process's counters. */
  filtered(campaignId: string, reason: NoBidReason, weight: number): void {
    this.reader.onFiltered?.(campaignId, reason, weight);
  }

  /** Somebody counts vetoes. */
  get isExplaining(): boolean {
    return this.reader.onFiltered !== undefined;
  }

  /** Reads (or recalls) the count under one cap; callers check for a user key first. Zeros, nearly all, are not written down. */
  capCount(state: CandidateState, capKey: string): number {
    const known = state.capCounts[capKey];
    if (known !== undefined || this.userKey === null) return known ?? 0;
    const count = this.reader.capCount(capKey, this.userKey);
    if (count !== 0) state.capCounts[capKey] = count;
    return count;
  }

  /** Writes the user's exposures to a creative down, if there are any; callers check for a user key first. */
  exposures(state: CandidateState, creativeId: string): void {
    if (this.userKey === null || state.exposures24h[creativeId] !== undefined) return;
    const count = this.reader.exposures24h(creativeId, this.userKey);
    if (count !== 0) state.exposures24h[creativeId] = count;
  }
}

const RANK: Readonly<Record<string, number>> = Object.fromEntries(NO_BID_REASONS.map((reason, i) => [reason, i]));
const rankOf = (reason: NoBidReason): number => RANK[reason] as number;

/** Scratch of this module: matching is synchronous, so one bitmap and one set of counts serve all. */
let scratchBits: CampaignBitmap = new Int32Array(0);
const counts = new Uint32Array(NO_BID_REASONS.length);
const count = (reason: NoBidReason, removed = 1): void => {
  counts[rankOf(reason)] = (counts[rankOf(reason)] as number) + removed;
};

/**
 * All hard vetoes of one impression, before any draw: privacy (with the whole request) > brand safety and block lists > budget
 * exhausted > hard frequency cap, cheapest first (agents.md, coordination steps 0 and 1).
 */
export function matchImpression(
  index: ServingIndex,
  terms: RequestTerms,
  impression: NormalisedImpression,
  recorder: StateRecorder,
): MatchResult {
  const result: MatchResult = { survivors: [], candidates: [], filtered: {}, reason: null, cappedButHungry: [] };
  const { bits, campaigns } = index;
  if (scratchBits.length !== bits.words) scratchBits = new Int32Array(bits.words);
  const left = scratchBits;
  counts.fill(0);
  const slots = slotsOf(impression);
  bits.ask(terms.request, terms.nowMs);
  const withSlot = bits.withSlots(slots, left);
  const withoutSlot = campaigns.length - withSlot;
  if (withoutSlot > 0) count('creative-size', withoutSlot);
  explainSome(index, terms, left, withSlot, recorder);
  const bidders = bits.narrow(left, withSlot, count);
  const start = bidders > MAX_PAIRS ? terms.rotation % bidders : 0;
  let pairs = 0;
  visitBits(left, start, (ordinal) => {
    const campaign = campaigns[ordinal] as ServedCampaign;
    const reason = matchCampaign(campaign, terms, impression, slots, recorder, result);
    if (reason === null) pairs += (result.survivors.at(-1) as Survivor).creatives.length;
    else {
      count(reason);
      recorder.filtered(campaign.campaignId, reason, 1);
    }
    return pairs < MAX_PAIRS && result.candidates.length < MAX_READS;
  });
  let furthest: NoBidReason | null = null;
  for (let rank = 0; rank < counts.length; rank += 1) {
    const removed = counts[rank] as number;
    if (removed === 0) continue;
    const reason = NO_BID_REASONS[rank] as NoBidReason;
    result.filtered[reason] = removed;
    // Campaigns without anything for the slot say nothing of why those that have something were refused.
    if (reason !== 'creative-size' || removed > withoutSlot) furthest = reason;
  }
  if (result.survivors.length === 0) result.reason = furthest ?? (withoutSlot > 0 ? 'creative-size' : 'no-candidate');
  return result;
}

/**
 * Names campaigns that the bitmaps will remove, for the counters per campaign: all of a few, and of many a stretch that begins somewhere
 * else on each request and counts for the rest, so that the cost does not grow with them.
 */
function explainSome(
  index: ServingIndex,
  terms: RequestTerms,
  left: CampaignBitmap,
  bidders: number,
  recorder: StateRecorder,
): void {
  const explained = Math.min(bidders, MAX_EXPLAINED);
  if (explained === 0 || !recorder.isExplaining) return;
  let seen = 0;
  visitBits(left, bidders > explained ? terms.rotation % bidders : 0, (ordinal) => {
    const campaign = index.campaigns[ordinal] as ServedCampaign;
    const reason = index.bits.refusal(ordinal);
    if (reason !== null) recorder.filtered(campaign.campaignId, reason, bidders / explained);
    seen += 1;
    return seen < explained;
  });
}

function matchCampaign(
  campaign: ServedCampaign,
  terms: RequestTerms,
  impression: NormalisedImpression,
  slots: readonly number[],
  recorder: StateRecorder,
  result: MatchResult,
): NoBidReason | null {
  const refused = placeFilter(campaign, terms);
  if (refused !== null) return refused;
  let furthest: NoBidReason = 'creative-size';
  let furthestRank = -1;
  let fitting: ServedCreative[] | null = null;
  for (const slot of slots) {
    for (const creative of campaign.creativesBySlot.get(slot) ?? []) {
      const reason = creativeFilter(creative, terms, impression);
      if (reason === null) {
        // A literal has room for one, as nearly all need; an empty list that is pushed to has room for 17.
        if (fitting === null) fitting = [creative];
        else fitting.push(creative);
      } else if (rankOf(reason) > furthestRank) furthestRank = rankOf((furthest = reason));
    }
  }
  if (fitting === null) return furthest;
  const chosen = dealFor(campaign, impression, fitting);
  if (typeof chosen === 'string') return chosen;
  const hasUser = terms.request.userKey !== null;
  if (campaign.isCapped && !hasUser) return 'capped-without-id';

  const state = recorder.campaign(campaign);
  result.candidates.push(state);
  const least = Math.max(1, chosen.deal?.floorMicros ?? impression.floorMicros);
  if (state.freeNanos < nanosOfImpressions(least, impression.quantity ?? 1)) return 'budget-exhausted';
  const free = campaign.isCapped ? withinCaps(campaign, chosen.creatives, state, recorder) : chosen.creatives;
  if (free.length === 0) {
    if (state.pacingMultiplier > 1) result.cappedButHungry.push(state);
    return 'frequency-cap';
  }
  if (hasUser) for (const creative of free) recorder.exposures(state, creative.creativeId);
  result.survivors.push({ campaign, creatives: free, state, deal: chosen.deal });
  return null;
}

function withinCaps(
  campaign: ServedCampaign,
  creatives: ServedCreative[],
  state: CandidateState,
  recorder: StateRecorder,
): ServedCreative[] {
  for (const cap of campaign.caps) {
    if (isCapReached(recorder.capCount(state, cap.capKey), cap.maxImpressions)) return [];
  }
  return creatives.filter((creative) => {
    for (const cap of creative.caps) {
      if (isCapReached(recorder.capCount(state, cap.capKey), cap.maxImpressions)) return false;
    }
    return true;
  });
}

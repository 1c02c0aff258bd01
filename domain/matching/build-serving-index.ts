import { smoothedClickRate } from '../agents/creative';
import { ZoneClock } from '../calendar';
import type { Arm, PolicyBundle } from '../contracts/agent';
import type { Campaign } from '../contracts/campaign';
import { sizeOf, type Creative } from '../contracts/creative';
import type { FxTable } from '../contracts/exchange';
import type { PolicySnapshot } from '../contracts/policy-snapshot';
import { amountToBaseMicros } from '../money';
import { CampaignBits } from './campaign-bits';
import { IntentIndex } from './intent-index';
import { cutMarkup, hasPlainHttp, markupBannerType, markupMimes } from './markup';
import type { CreativeEstimate, ServedCampaign, ServedCap, ServedCreative } from './served-campaign';
import { slotKeyOf, type ServingIndex } from './serving-index';
import { capKeyOf } from './state-reader';
import { tunedParams } from './tuned-policies';

/** Largest action set per campaign and impression (agents.md, "Creative agent"). */
export const MAX_CREATIVES_PER_SLOT = 16;

/**
 * Compiles a snapshot for serving: once per snapshot, off the hot path. Throws RangeError when a campaign's currency is not in the
 * FX table: such a bundle is refused as a whole.
 */
export function buildServingIndex(snapshot: PolicySnapshot): ServingIndex {
  const steps = servingIndexSteps(snapshot);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The same, a campaign a step: ten thousand in one go would hold bids up for half a second. */
export function* servingIndexSteps(snapshot: PolicySnapshot): Generator<void, ServingIndex> {
  const creativesByCampaign = new Map<string, Creative[]>();
  for (const creative of snapshot.creatives) {
    const list = creativesByCampaign.get(creative.campaignId);
    if (list) list.push(creative);
    else creativesByCampaign.set(creative.campaignId, [creative]);
  }
  yield;
  const clocks = new Map<string, ZoneClock>();
  const campaigns: ServedCampaign[] = [];
  const campaignById = new Map<string, ServedCampaign>();
  const creativeById = new Map<string, ServedCreative>();
  for (const [ordinal, campaign] of snapshot.campaigns.entries()) {
    let clock = clocks.get(campaign.timeZone);
    if (!clock) clocks.set(campaign.timeZone, (clock = new ZoneClock(campaign.timeZone)));
    const creatives = creativesByCampaign.get(campaign.campaignId) ?? [];
    const served = serveCampaign(snapshot, campaign, ordinal, creatives, clock);
    campaigns.push(served);
    campaignById.set(served.campaignId, served);
    for (const list of served.creativesBySlot.values())
      for (const creative of list) creativeById.set(creative.creativeId, creative);
    yield;
  }
  const intents = new IntentIndex(snapshot.agentIntents);
  return { snapshot, intents, campaigns, bits: new CampaignBits(campaigns), campaignById, creativeById };
}

function serveCampaign(
  snapshot: PolicySnapshot,
  campaign: Campaign,
  ordinal: number,
  creatives: readonly Creative[],
  clock: ZoneClock,
): ServedCampaign {
  const { targeting } = campaign;
  const base = (micros: number): number => toBase(snapshot.fx, campaign, micros);
  const isCreativeCapped = campaign.frequencyCaps.some((cap) => cap.scope === 'creative');
  const caps = capsOf(campaign, null);
  const weights = snapshot.weights?.campaigns[campaign.campaignId];
  return {
    campaignId: campaign.campaignId,
    ordinal,
    campaign,
    startMs: Date.parse(campaign.startAt),
    endMs: Date.parse(campaign.endAt),
    isActive: campaign.status === 'active',
    hours: hoursOf(campaign.dayparting),
    clock,
    exchanges: setOf(targeting.exchanges),
    countries: setOf(targeting.countries, upper),
    deviceTypes: targeting.deviceTypes.length === 0 ? null : new Set(targeting.deviceTypes),
    os: setOf(targeting.os, lower),
    languages: setOf(targeting.languages, lower),
    siteAllow: setOf(targeting.siteAllow, lower),
    siteBlock: setOf(targeting.siteBlock, lower),
    appAllow: setOf(targeting.appAllow, lower),
    appBlock: setOf(targeting.appBlock, lower),
    segments: setOf(targeting.segments),
    categoryBlock: setOf(targeting.categoryBlock, upper),
    deals: setOf(targeting.deals),
    caps,
    isCapped: caps.length > 0 || isCreativeCapped,
    bidCapMicros: base(campaign.bidCapMicros),
    safeBidMicros: base(campaign.safeBidMicros),
    isSurplus: campaign.objective === 'surplus',
    kCpa: kCpaOf(campaign),
    tuned: {
      champion: tunedParams(snapshot.champion, weights),
      canary: tunedParams(snapshot.canary?.policies ?? snapshot.champion, weights),
    },
    creativesBySlot: serveCreatives(snapshot, campaign, creatives),
  };
}

function serveCreatives(
  snapshot: PolicySnapshot,
  campaign: Campaign,
  creatives: readonly Creative[],
): Map<number, ServedCreative[]> {
  const bySlot = new Map<number, ServedCreative[]>();
  for (const creative of creatives) {
    const slotKey = slotKeyOf(creative);
    let list = bySlot.get(slotKey);
    if (!list) bySlot.set(slotKey, (list = []));
    if (list.length < MAX_CREATIVES_PER_SLOT) list.push(serveCreative(snapshot, campaign, creative, slotKey));
  }
  return bySlot;
}

function serveCreative(
  snapshot: PolicySnapshot,
  campaign: Campaign,
  creative: Creative,
  slotKey: number,
): ServedCreative {
  const champion = estimateOf(snapshot, campaign, creative, snapshot.champion);
  const estimates: Record<Arm, CreativeEstimate> = {
    champion,
    canary: champion,
  };
  if (snapshot.canary) estimates.canary = estimateOf(snapshot, campaign, creative, snapshot.canary.policies);
  return {
    creativeId: creative.creativeId,
    campaignId: campaign.campaignId,
    creative,
    slotKey,
    ...markupTraits(creative),
    isApproved: creative.reviewState === 'approved',
    domainSuffixes: tight(creative.domains.flatMap(domainSuffixes)),
    categoryPrefixes: tight(creative.categories.flatMap(categoryPrefixes)),
    caps: capsOf(campaign, creative.creativeId),
    estimates,
  };
}

type MarkupTraits = Pick<ServedCreative, 'size' | 'isSecure' | 'bannerType' | 'mimes' | 'markupParts'>;

/** What is read out of a banner's markup; the files and links of other formats are https by contract. */
function markupTraits(creative: Creative): MarkupTraits {
  if (creative.type !== 'banner') {
    return { size: sizeOf(creative), isSecure: true, bannerType: 0, mimes: [], markupParts: [] };
  }
  const { markup, landingUrl } = creative;
  return {
    size: sizeOf(creative),
    isSecure: !hasPlainHttp(markup) && !hasPlainHttp(landingUrl),
    bannerType: markupBannerType(markup),
    mimes: tight(markupMimes(markup)),
    markupParts: tight(cutMarkup(markup)),
  };
}

/** v = 1000 · pCTR · (CPC goal, or pCVR · conversion value) in CPM micros of the fleet's currency (agents.md, preface). */
function estimateOf(
  snapshot: PolicySnapshot,
  campaign: Campaign,
  creative: Creative,
  policies: PolicyBundle,
): CreativeEstimate {
  const params = policies.creative.params;
  const pCtr = smoothedClickRate(params, snapshot.creativeStats[creative.creativeId]);
  const { goal } = campaign;
  const perClickMicros =
    goal.kind === 'cpc'
      ? toBase(snapshot.fx, campaign, goal.amountMicros)
      : params.conversionRate * toBase(snapshot.fx, campaign, goal.conversionValueMicros ?? goal.targetMicros);
  return { pCtr, valueMicros: 1000 * pCtr * perClickMicros };
}

/** A price of at most k·v makes the expected cost per conversion at most k·value: so k = target/value meets the target. */
function kCpaOf(campaign: Campaign): number {
  const { goal } = campaign;
  if (goal.kind !== 'cpa') return Number.POSITIVE_INFINITY;
  return goal.targetMicros / (goal.conversionValueMicros ?? goal.targetMicros);
}

function capsOf(campaign: Campaign, creativeId: string | null): readonly ServedCap[] {
  const caps: ServedCap[] = [];
  for (const { scope, windowMinutes, maxImpressions } of campaign.frequencyCaps) {
    if ((scope === 'creative') !== (creativeId !== null)) continue;
    const id = creativeId ?? (scope === 'campaign' ? campaign.campaignId : campaign.advertiserId);
    caps.push({ capKey: capKeyOf(scope, id, windowMinutes), windowMinutes, maxImpressions });
  }
  return tight(caps);
}

const NONE: readonly never[] = [];
/** The same without room to grow: a list that grew holds sixteen places and more, and a snapshot has many thousands of short ones for good. */
const tight = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list.slice());

function toBase(fx: FxTable, campaign: Campaign, micros: number): number {
  const base = amountToBaseMicros(fx, campaign.currency, micros);
  if (base === null) throw new RangeError(`campaign ${campaign.campaignId}: no exchange rate for ${campaign.currency}`);
  return base;
}

const lower = (text: string): string => text.toLowerCase();
const upper = (text: string): string => text.toUpperCase();

function setOf(items: readonly string[], normalise: (text: string) => string = (text) => text): Set<string> | null {
  return items.length === 0 ? null : new Set(items.map(normalise));
}

function hoursOf(dayparting: readonly number[]): Uint8Array | null {
  if (dayparting.length === 0) return null;
  const hours = new Uint8Array(168);
  for (const hour of dayparting) hours[hour] = 1;
  return hours;
}

/** `a.b.example` -> itself, `b.example`, `example`: a blocked parent domain blocks its sub-domains. */
function domainSuffixes(domain: string): string[] {
  const labels = lower(domain).split('.');
  return labels.map((_, i) => labels.slice(i).join('.'));
}

/** `IAB25-3` -> itself and `IAB25`: a blocked tier-1 category blocks its children. */
function categoryPrefixes(category: string): string[] {
  const code = upper(category);
  const dash = code.indexOf('-');
  return dash < 0 ? [code] : [code, code.slice(0, dash)];
}

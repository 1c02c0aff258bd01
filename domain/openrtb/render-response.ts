import type { DecisionOutputs } from '../contracts/decision-record';
import type { ExchangeSettings } from '../contracts/exchange';
import type { NormalisedRequest } from '../contracts/normalised-request';
import type { ServingIndex } from '../matching/serving-index';
import { bidToCurrencyMicros } from '../money';

/** Notice and click URLs of one bid, all around one signed token. */
export interface BidUrls {
  nurl: string;
  burl: string;
  lurl: string;
  clickUrl: string;
}

/** What rendering needs of a decision; bid.id = decisionId. */
export interface RenderableDecision {
  decisionId: string;
  inputs: { impIndex: number };
  outputs: DecisionOutputs;
}

/** One bid as sent (OpenRTB 2.6, section 4.2.3). */
export interface RenderedBid {
  id: string;
  impid: string;
  price: number;
  nurl: string;
  burl: string;
  lurl: string;
  adm: string;
  adomain: string[];
  cid: string;
  crid: string;
  cat?: string[];
  cattax?: number;
  attr?: number[];
  mtype: 1;
  w: number;
  h: number;
}

/** A bid response as sent. */
export interface RenderedResponse {
  id: string;
  bidid: string;
  cur: string;
  seatbid: { seat: string; bid: RenderedBid[] }[];
}

/** Content Taxonomy 1.0: the only one that creatives carry. */
const CATTAX_1 = 1;
/** AdCOM markup type: banner. */
const MTYPE_BANNER = 1;

/**
 * OpenRTB 2.6 bid response with the decisions that bid, or null when none does (answer 204). Prices go to the bid currency by floor, but
 * never below the floor that was asked in it. On secure impressions every URL of ours is https.
 */
export function renderBidResponse(
  request: NormalisedRequest,
  decisions: readonly RenderableDecision[],
  index: ServingIndex,
  urls: (decision: RenderableDecision) => BidUrls,
  exchange: ExchangeSettings,
): RenderedResponse | null {
  const bid: RenderedBid[] = [];
  for (const decision of decisions) {
    if (decision.outputs.creativeId !== null) bid.push(renderBid(request, decision, index, urls(decision)));
  }
  const first = bid[0];
  if (first === undefined) return null;
  return { id: request.requestId, bidid: first.id, cur: request.bidCurrency, seatbid: [{ seat: exchange.seat, bid }] };
}

function renderBid(
  request: NormalisedRequest,
  decision: RenderableDecision,
  index: ServingIndex,
  urls: BidUrls,
): RenderedBid {
  const { outputs } = decision;
  const impression = request.impressions[decision.inputs.impIndex];
  const served = index.creativeById.get(outputs.creativeId ?? '');
  if (impression === undefined || served === undefined)
    throw new RangeError(`nothing to render for ${decision.decisionId}`);
  const { creative } = served;
  const isSecure = impression.isSecure;
  const bid: RenderedBid = {
    id: decision.decisionId,
    impid: impression.impId,
    price: bidToCurrencyMicros(index.snapshot.fx, request.bidCurrency, outputs.bidMicros) / 1e6,
    nurl: urlFor(urls.nurl, isSecure),
    burl: urlFor(urls.burl, isSecure),
    lurl: urlFor(urls.lurl, isSecure),
    adm: markupOf(served.markupParts, urlFor(urls.clickUrl, isSecure), creative.landingUrl),
    adomain: creative.domains,
    cid: served.campaignId,
    crid: creative.creativeId,
    mtype: MTYPE_BANNER,
    w: creative.width,
    h: creative.height,
  };
  if (creative.categories.length > 0) {
    bid.cat = creative.categories;
    bid.cattax = CATTAX_1;
  }
  if (creative.attributes.length > 0) bid.attr = creative.attributes;
  return bid;
}

/** A page served by https may not load plain http: the notice port must then stand behind TLS. */
function urlFor(url: string, isSecure: boolean): string {
  return isSecure && url.startsWith('http://') ? `https://${url.slice(7)}` : url;
}

/** Fills the placeholders of cut markup; URLs are escaped for a double-quoted HTML attribute. */
function markupOf(parts: readonly string[], clickUrl: string, landingUrl: string): string {
  let out = parts[0] ?? '';
  for (let i = 1; i < parts.length; i += 2) {
    out += escapeAttribute(parts[i] === '{CLICK_URL}' ? clickUrl : landingUrl) + (parts[i + 1] ?? '');
  }
  return out;
}

function escapeAttribute(url: string): string {
  return url.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}

import type { DecisionOutputs } from '../contracts/decision-record';
import type { ExchangeSettings } from '../contracts/exchange';
import type { MediaOffer, NativeOffer, NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import type { ServedCreative, ServingIndex } from '../matching/serving-index';
import { bidToCurrencyMicros } from '../money';
import { bannerMarkup } from './banner-markup';
import { statedExpirySeconds } from './bid-life';
import type { MarkupLinks } from './markup-links';
import { renderDsa, type RenderedDsa } from './dsa';
import { landingUrlOf } from './landing-url';
import { nativeMarkup } from './native-markup';
import { vastMarkup } from './vast-markup';

/** Notice and click URLs of one bid, all around one signed token. */
export interface BidUrls {
  nurl: string;
  /** Null where the exchange bills by another notice. */
  burl: string | null;
  lurl: string;
  clickUrl: string;
  /** Called by a player or a native placement when the ad is seen. */
  viewUrl: string;
}

/** What rendering needs of a decision; bid.id = decisionId. */
export interface RenderableDecision {
  decisionId: string;
  inputs: { impIndex: number };
  outputs: DecisionOutputs;
  /** How long its budget is held, ms. */
  lifeMs: number;
}

/** One bid as sent (OpenRTB 2.6, section 4.2.3). */
export interface RenderedBid {
  id: string;
  impid: string;
  price: number;
  nurl: string;
  burl?: string;
  lurl: string;
  adm: string;
  adomain: string[];
  cid: string;
  crid: string;
  cat?: string[];
  cattax?: number;
  attr?: number[];
  mtype: 1 | 2 | 3 | 4;
  w?: number;
  h?: number;
  dealid?: string;
  /** Bundle of the app that is advertised. */
  bundle?: string;
  apis?: number[];
  /** Of video and audio: seconds, and AdCOM creative subtype of the markup. */
  dur?: number;
  protocol?: number;
  /** Seconds until the impression that the bid is good for. */
  exp?: number;
  ext?: { dsa: RenderedDsa };
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
/** AdCOM markup types. */
const MTYPES = { banner: 1, video: 2, audio: 3, native: 4 } as const;

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
  const { isSecure } = impression;
  const links: MarkupLinks = {
    clickUrl: urlFor(urls.clickUrl, isSecure),
    viewUrl: urlFor(urls.viewUrl, isSecure),
    bidId: decision.decisionId,
  };
  const bid: RenderedBid = {
    id: decision.decisionId,
    impid: impression.impId,
    price: bidToCurrencyMicros(index.snapshot.fx, request.bidCurrency, outputs.bidMicros) / 1e6,
    nurl: urlFor(urls.nurl, isSecure),
    ...(urls.burl !== null && { burl: urlFor(urls.burl, isSecure) }),
    lurl: urlFor(urls.lurl, isSecure),
    adm: '',
    adomain: creative.domains,
    cid: served.campaignId,
    crid: creative.creativeId,
    mtype: MTYPES[creative.type],
  };
  addMarkup(bid, served, impression, links);
  const expirySeconds = statedExpirySeconds(impression.expirySeconds ?? 0, decision.lifeMs);
  if (expirySeconds !== null) bid.exp = expirySeconds;
  if (outputs.dealId != null) bid.dealid = outputs.dealId;
  if (creative.appBundle !== undefined) bid.bundle = creative.appBundle;
  if (creative.categories.length > 0) {
    bid.cat = creative.categories;
    bid.cattax = CATTAX_1;
  }
  if (creative.attributes.length > 0) bid.attr = creative.attributes;
  if (creative.apis.length > 0) bid.apis = creative.apis;
  if (creative.dsa !== undefined && request.dsa != null) bid.ext = { dsa: renderDsa(creative.dsa, request.dsa) };
  return bid;
}

/** Markup and what the response says of it. Throws RangeError when the creative does not fit the impression: it was matched to another. */
function addMarkup(
  bid: RenderedBid,
  served: ServedCreative,
  impression: NormalisedImpression,
  links: MarkupLinks,
): void {
  const { creative } = served;
  if (creative.type === 'banner') {
    bid.adm = bannerMarkup(served.markupParts, links.clickUrl, landingUrlOf(creative.landingUrl, ''));
    bid.w = creative.width;
    bid.h = creative.height;
    return;
  }
  const offer = impression[creative.type];
  if (offer == null) throw new RangeError(`${creative.creativeId} does not fit impression ${impression.impId}`);
  if (creative.type === 'native') {
    bid.adm = nativeMarkup(creative, offer as NativeOffer, links);
    return;
  }
  const { adm, protocol } = vastMarkup(creative, offer as MediaOffer, links);
  bid.adm = adm;
  bid.protocol = protocol;
  bid.dur = creative.durationSeconds;
  if (creative.type === 'video') {
    bid.w = creative.width;
    bid.h = creative.height;
  }
}

/** A page served by https may not load plain http: the notice port must then stand behind TLS. */
function urlFor(url: string, isSecure: boolean): string {
  return isSecure && url.startsWith('http://') ? `https://${url.slice(7)}` : url;
}

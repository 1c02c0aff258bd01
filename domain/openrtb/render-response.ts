import type { CreativeOf } from '../contracts/creative';
import type { DecisionOutputs } from '../contracts/decision-record';
import type { ExchangeSettings } from '../contracts/exchange';
import type { MediaOffer, NativeOffer, NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import type { ServedCreative } from '../matching/served-campaign';
import type { ServingIndex } from '../matching/serving-index';
import { bidToCurrencyMicros } from '../money';
import { statedExpirySeconds } from './bid-life';
import { bidTemplate, escapeAttribute, type BidTemplate } from './bid-template';
import type { MarkupLinks } from './markup-links';
import { renderDsa } from './dsa';
import { nativeMarkup } from './native-markup';
import { vastMarkup } from './vast-markup';

/** Notice and click URLs of one bid, all around one signed token. They hold nothing that JSON would have to escape. */
export interface BidUrls {
  nurl: string;
  /** Null where the exchange bills by another notice. */
  burl: string | null;
  lurl: string;
  clickUrl: string;
  /** Called by a player or a native placement when the ad is seen. */
  viewUrl: string;
}

/** What rendering needs of a decision; bid.id = decisionId, which JSON takes as it is. */
export interface RenderableDecision {
  decisionId: string;
  inputs: { impIndex: number };
  outputs: DecisionOutputs;
  /** How long its budget is held, ms. */
  lifeMs: number;
}

/**
 * OpenRTB 2.6 bid response with the decisions that bid, as JSON; null when none does (answer 204). Prices go to the bid currency by floor, but
 * never below the floor that was asked in it. On secure impressions every URL of ours is https. Written member by member: the same as an object,
 * stringified, took three times as long.
 * @param ext of the response
 */
export function renderBidResponse<Decision extends RenderableDecision>(
  request: NormalisedRequest,
  decisions: readonly Decision[],
  index: ServingIndex,
  urls: (decision: Decision) => BidUrls,
  exchange: ExchangeSettings,
  ext: object | null = null,
): string | null {
  let bids = '';
  let bidId = '';
  for (const decision of decisions) {
    if (decision.outputs.creativeId === null) continue;
    const bid = renderBid(request, decision, index, urls(decision));
    bids = bids === '' ? bid : `${bids},${bid}`;
    if (bidId === '') bidId = decision.decisionId;
  }
  if (bids === '') return null;
  const head = `{"id":${quoted(request.requestId)},"bidid":"${bidId}","cur":"${request.bidCurrency}"`;
  const seat = `"seatbid":[{"seat":${quoted(exchange.seat)},"bid":[${bids}]}]`;
  return `${head},${seat}${ext === null ? '' : `,"ext":${JSON.stringify(ext)}`}}`;
}

function renderBid(
  request: NormalisedRequest,
  decision: RenderableDecision,
  index: ServingIndex,
  urls: BidUrls,
): string {
  const { outputs, decisionId } = decision;
  const impression = request.impressions[decision.inputs.impIndex];
  const served = index.creativeById.get(outputs.creativeId ?? '');
  if (impression === undefined || served === undefined) throw new RangeError(`nothing to render for ${decisionId}`);
  const { isSecure } = impression;
  const price = bidToCurrencyMicros(index.snapshot.fx, request.bidCurrency, outputs.bidMicros) / 1e6;
  const burl = urls.burl === null ? '' : `,"burl":"${urlFor(urls.burl, isSecure)}"`;
  const notices = `"nurl":"${urlFor(urls.nurl, isSecure)}"${burl},"lurl":"${urlFor(urls.lurl, isSecure)}"`;
  const links: MarkupLinks = {
    clickUrl: urlFor(urls.clickUrl, isSecure),
    viewUrl: urlFor(urls.viewUrl, isSecure),
    bidId: decisionId,
  };
  const template = bidTemplate(served);
  const head = `{"id":"${decisionId}","impid":${quoted(impression.impId)},"price":${price},${notices}`;
  const about = `${markupMembers(served, template, impression, links)}${template.members}`;
  return `${head}${about}${termMembers(request, impression, decision, served)}}`;
}

/** Members that depend on the deal and the request, each after a comma. */
function termMembers(
  request: NormalisedRequest,
  impression: NormalisedImpression,
  { outputs, lifeMs }: RenderableDecision,
  { creative }: ServedCreative,
): string {
  let members = '';
  const expirySeconds = statedExpirySeconds(impression.expirySeconds ?? 0, lifeMs);
  if (expirySeconds !== null) members += `,"exp":${expirySeconds}`;
  if (outputs.dealId != null) members += `,"dealid":${quoted(outputs.dealId)}`;
  if (creative.dsa === undefined || request.dsa == null) return members;
  return `${members},"ext":${JSON.stringify({ dsa: renderDsa(creative.dsa, request.dsa) })}`;
}

/** Markup and what is said of it, after a comma. Throws RangeError when the creative does not fit the impression: it was matched to another. */
function markupMembers(
  { creative }: ServedCreative,
  { markup }: BidTemplate,
  impression: NormalisedImpression,
  links: MarkupLinks,
): string {
  if (markup !== null) {
    const clickUrl = escapeAttribute(links.clickUrl);
    // By far the most: one click URL.
    const adm = markup.length === 2 ? `${markup[0]}${clickUrl}${markup[1]}` : markup.join(clickUrl);
    return `,"adm":"${adm}"`;
  }
  const offer = creative.type === 'banner' ? null : impression[creative.type];
  if (offer == null) throw new RangeError(`${creative.creativeId} does not fit impression ${impression.impId}`);
  if (creative.type === 'native') return `,"adm":${quoted(nativeMarkup(creative, offer as NativeOffer, links))}`;
  const { adm, protocol } = vastMarkup(creative as CreativeOf<'video' | 'audio'>, offer as MediaOffer, links);
  return `,"adm":${quoted(adm)},"protocol":${protocol}`;
}

/** A text of others as JSON. */
const quoted = (text: string): string => JSON.stringify(text);

/** A page served by https may not load plain http: the notice port must then stand behind TLS. */
function urlFor(url: string, isSecure: boolean): string {
  return isSecure && url.startsWith('http://') ? `https://${url.slice(7)}` : url;
}

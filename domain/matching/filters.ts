import type { Creative } from '../contracts/creative';
import type { NoBidReason } from '../contracts/no-bid-reason';
import {
  BLOCK_ALL,
  type DsaDemand,
  type NormalisedImpression,
  type NormalisedRequest,
} from '../contracts/normalised-request';
import { formatFault } from './format-fit';
import type { ServedCampaign, ServedCreative } from './served-campaign';

/** Block lists of one request as sets where they are long enough to be worth it; built once per request. */
export interface RequestTerms {
  readonly request: NormalisedRequest;
  readonly nowMs: number;
  /** Where matching starts in a list of more campaigns than can be priced: an unsigned 32-bit draw, so that nobody is always first. */
  readonly rotation: number;
  readonly blockedAdvertisers: ReadonlySet<string> | null;
  readonly blockedCategories: ReadonlySet<string> | null;
  readonly allowedCategories: ReadonlySet<string> | null;
  readonly isAllBlocked: boolean;
  /** Content categories with their tier-1 parents. */
  readonly contentCategories: readonly string[];
}

/** Reads a request's lists once, for all campaigns and impressions. */
export function requestTerms(request: NormalisedRequest, nowMs: number, rotation = 0): RequestTerms {
  return {
    request,
    nowMs,
    rotation,
    blockedAdvertisers: request.blockedAdvertisers.length === 0 ? null : new Set(request.blockedAdvertisers),
    blockedCategories: request.blockedCategories.length === 0 ? null : new Set(request.blockedCategories),
    allowedCategories: request.allowedCategories.length === 0 ? null : new Set(request.allowedCategories),
    isAllBlocked: request.blockedCategories.includes(BLOCK_ALL),
    contentCategories: request.contentCategories.flatMap(withParent),
  };
}

function withParent(category: string): string[] {
  const dash = category.indexOf('-');
  return dash < 0 ? [category] : [category, category.slice(0, dash)];
}

/** Why a campaign may not bid on this site or app, or on this user's segments; null = it may. */
export function placeFilter(campaign: ServedCampaign, terms: RequestTerms): NoBidReason | null {
  const { request } = terms;
  if (request.channel === 'app') {
    if (campaign.appAllow !== null && !campaign.appAllow.has(request.publisher)) return 'app-list';
    if (campaign.appBlock !== null && campaign.appBlock.has(request.publisher)) return 'app-list';
    // A campaign that names sites and no apps does not run in apps.
    if (campaign.siteAllow !== null && campaign.appAllow === null) return 'site-list';
  } else {
    if (campaign.siteAllow !== null && !hasDomain(campaign.siteAllow, request.publisher)) return 'site-list';
    if (campaign.siteBlock !== null && hasDomain(campaign.siteBlock, request.publisher)) return 'site-list';
    if (campaign.appAllow !== null && campaign.siteAllow === null) return 'app-list';
  }
  if (campaign.segments !== null && !request.segments.some((segment) => campaign.segments?.has(segment)))
    return 'segment';
  const avoided = campaign.categoryBlock;
  if (avoided !== null && terms.contentCategories.some((category) => avoided.has(category))) return 'category-blocked';
  return null;
}

/** Whether a list holds the domain or one of its parents. */
function hasDomain(list: ReadonlySet<string>, domain: string): boolean {
  for (let rest = domain; rest !== '';) {
    if (list.has(rest)) return true;
    const dot = rest.indexOf('.');
    if (dot < 0) return false;
    rest = rest.slice(dot + 1);
  }
  return false;
}

const NO_TEXTS: readonly string[] = [];

/** Why a creative may not answer this impression: brand safety and block lists, review, format, https; null = it may. */
export function creativeFilter(
  served: ServedCreative,
  terms: RequestTerms,
  impression: NormalisedImpression,
): NoBidReason | null {
  if (terms.isAllBlocked || hasAny(terms.blockedCategories, served.categoryPrefixes)) return 'category-blocked';
  if (terms.allowedCategories !== null && !hasAny(terms.allowedCategories, served.categoryPrefixes)) {
    return 'category-blocked';
  }
  if (hasAny(terms.blockedAdvertisers, served.domainSuffixes)) return 'advertiser-blocked';
  const { creative } = served;
  const { blockedApps = NO_TEXTS, allowedLanguages = NO_TEXTS } = terms.request;
  if (creative.appBundle !== undefined && blockedApps.includes(creative.appBundle.toLowerCase())) {
    return 'app-blocked';
  }
  if (allowedLanguages.length > 0 && creative.languages.some((language) => !allowedLanguages.includes(language))) {
    return 'creative-language';
  }
  if (!served.isApproved) return 'creative-not-approved';
  const fault = formatFault(served, impression);
  if (fault !== null) return fault;
  if (impression.isSecure && !served.isSecure) return 'creative-insecure';
  return lacksStatement(creative, terms.request.dsa) ? 'dsa-required' : null;
}

/** Levels of demand from which on an ad without a statement is refused. */
const STATEMENT_NEEDED = 2;

/** Whether a DSA statement is needed that the creative has not, or that nobody would show. */
function lacksStatement({ dsa }: Creative, demand: DsaDemand | null | undefined): boolean {
  if (demand == null || demand.required < STATEMENT_NEEDED) return false;
  return dsa === undefined || (demand.publisherRenders === 0 && !dsa.isRendered);
}

function hasAny(set: ReadonlySet<string> | null, items: readonly string[]): boolean {
  if (set === null) return false;
  for (const item of items) if (set.has(item)) return true;
  return false;
}

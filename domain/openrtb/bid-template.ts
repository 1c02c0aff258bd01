import type { Creative } from '../contracts/creative';
import type { ServedCreative } from '../matching/served-campaign';
import { landingUrlOf } from './landing-url';

/** What of a bid's JSON is the same each time its creative bids. */
export interface BidTemplate {
  /** A banner's markup between its click URLs, as it stands inside a JSON string; null for other formats. */
  readonly markup: readonly string[] | null;
  /** Members that say what the creative is, each after a comma. */
  readonly members: string;
}

/** Content Taxonomy 1.0: the only one that creatives carry. */
const CATTAX_1 = 1;
/** AdCOM markup types. */
const MTYPES = { banner: 1, video: 2, audio: 3, native: 4 } as const;

const templates = new WeakMap<ServedCreative, BidTemplate>();

/** The template of a creative, made when it bids for the first time: most of a large snapshot's never do. */
export function bidTemplate(served: ServedCreative): BidTemplate {
  let template = templates.get(served);
  if (template === undefined) {
    template = {
      markup: markupOf(served),
      members: JSON.stringify(membersOf(served)).replace(/^\{/, ',').slice(0, -1),
    };
    templates.set(served, template);
  }
  return template;
}

function membersOf({ campaignId, creative }: ServedCreative): object {
  return {
    adomain: creative.domains,
    cid: campaignId,
    crid: creative.creativeId,
    mtype: MTYPES[creative.type],
    ...sizeOf(creative),
    ...(creative.appBundle !== undefined && { bundle: creative.appBundle }),
    ...(creative.categories.length > 0 && { cat: creative.categories, cattax: CATTAX_1 }),
    ...(creative.attributes.length > 0 && { attr: creative.attributes }),
    ...(creative.apis.length > 0 && { apis: creative.apis }),
  };
}

function sizeOf(creative: Creative): object {
  const duration = 'durationSeconds' in creative ? { dur: creative.durationSeconds } : {};
  const hasSize = creative.type === 'banner' || creative.type === 'video';
  return { ...duration, ...(hasSize && { w: creative.width, h: creative.height }) };
}

function markupOf({ creative, markupParts }: ServedCreative): string[] | null {
  if (creative.type !== 'banner') return null;
  const landingUrl = escapeAttribute(landingUrlOf(creative.landingUrl, ''));
  const between = [''];
  markupParts.forEach((part, at) => {
    // Odd parts are placeholders (domain/matching/markup.ts).
    if (at % 2 === 1 && part === '{CLICK_URL}') between.push('');
    else between.push((between.pop() ?? '') + (at % 2 === 1 ? landingUrl : part));
  });
  return between.map((text) => JSON.stringify(text).slice(1, -1));
}

/** A URL for a double-quoted HTML attribute. */
export const escapeAttribute = (url: string): string =>
  url.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');

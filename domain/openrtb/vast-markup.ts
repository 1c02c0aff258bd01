import type { CreativeOf, MediaFile } from '../contracts/creative';
import type { MediaOffer } from '../contracts/normalised-request';
import { filesFor, vastFor } from '../matching/format-fit';
import type { MarkupLinks } from './markup-links';

/**
 * Inline VAST (IAB, 2.0 to 4.2) of a linear video or audio ad, in the best version that the slot takes, with the files that its player
 * plays; elements stand in the order of that version's schema. No `xmlns`: its plain http would look like an insecure link to a scanner.
 * `protocol` is the version's AdCOM creative subtype.
 */
export function vastMarkup(
  creative: CreativeOf<'video' | 'audio'>,
  offer: MediaOffer,
  links: MarkupLinks,
): { adm: string; protocol: number } {
  const vast = vastFor(offer);
  if (vast === null) throw new RangeError(`no VAST version for ${creative.creativeId}`);
  const adType = creative.type === 'audio' && isSince41(vast.version) ? ' adType="audio"' : '';
  const linear =
    `<Linear><Duration>${clock(creative.durationSeconds)}</Duration>` +
    `<MediaFiles>${filesFor(creative, offer).map(mediaFile).join('')}</MediaFiles>` +
    `<VideoClicks><ClickThrough>${cdata(links.clickUrl)}</ClickThrough></VideoClicks></Linear>`;
  const adm =
    `<?xml version="1.0" encoding="UTF-8"?><VAST version="${vast.version}"><Ad id="${xml(creative.creativeId)}"${adType}>` +
    `<InLine><AdSystem>Adloop</AdSystem>${head(creative.name, vast.version, links)}<Creatives>` +
    `<Creative id="${xml(creative.creativeId)}" sequence="1">${linear}${universalAdId(vast.version)}</Creative>` +
    '</Creatives></InLine></Ad></VAST>';
  return { adm, protocol: vast.protocol };
}

const isSince41 = (version: string): boolean => version === '4.1' || version === '4.2';

/** Title and impression: version 4 turned their order, 4.1 asks for an identity of this showing. */
function head(name: string, version: string, links: MarkupLinks): string {
  const impression = `<Impression>${cdata(links.viewUrl)}</Impression>`;
  const title = `<AdTitle>${xml(name)}</AdTitle>`;
  if (!version.startsWith('4')) return title + impression;
  return impression + (isSince41(version) ? `<AdServingId>${xml(links.bidId)}</AdServingId>` : '') + title;
}

/** Version 4 asks for the ad's name in a registry; ours are in none. */
function universalAdId(version: string): string {
  if (!version.startsWith('4')) return '';
  const value = version === '4.0' ? ' idValue="unknown"' : '';
  return `<UniversalAdId idRegistry="unknown"${value}>unknown</UniversalAdId>`;
}

const mediaFile = ({ url, mime, bitrateKbps, width, height }: MediaFile): string =>
  `<MediaFile delivery="progressive" type="${xml(mime)}" bitrate="${bitrateKbps}" width="${width}" height="${height}">` +
  `${cdata(url)}</MediaFile>`;

/** `00:01:30` */
function clock(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
}

const xml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const cdata = (url: string): string => `<![CDATA[${url.replaceAll(']]>', '%5D%5D%3E')}]]>`;

import type { CreativeOf, MediaFile } from '../contracts/creative';
import type { MediaOffer, NativeAsset, NativeOffer, NormalisedImpression } from '../contracts/normalised-request';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { ServedCreative } from './served-campaign';

/** Versions of VAST that an ad can be written in, best first, by AdCOM creative subtype. */
export const VAST_VERSIONS: readonly { readonly protocol: number; readonly version: string }[] = [
  { protocol: 13, version: '4.2' },
  { protocol: 11, version: '4.1' },
  { protocol: 7, version: '4.0' },
  { protocol: 3, version: '3.0' },
  { protocol: 2, version: '2.0' },
];

/** Shapes this close count as the same, so that 854 x 480 fills a player of 16:9. */
const SHAPE_TOLERANCE = 0.02;
const ICON = 1;
const LOGO = 2;
const MAIN = 3;

/** Why a creative does not fit what the impression offers of its format; null = it fits. */
export function formatFault(served: ServedCreative, impression: NormalisedImpression): NoBidReason | null {
  const { creative } = served;
  switch (creative.type) {
    case 'banner':
      return bannerFault(served, impression);
    case 'video':
    case 'audio':
      return mediaFault(creative, impression[creative.type]);
    case 'native':
      return nativeFault(creative, impression.native);
  }
}

function bannerFault(served: ServedCreative, impression: NormalisedImpression): NoBidReason | null {
  if (intersects(impression.blockedAttributes, served.creative.attributes)) return 'attribute-blocked';
  if (impression.blockedTypes.includes(served.bannerType)) return 'attribute-blocked';
  const { mimes } = impression;
  if (mimes.length > 0 && !served.mimes.some((mime) => mimes.includes(mime))) return 'creative-mime';
  return lacksApi(served.creative.apis, impression.apis) ? 'creative-api' : null;
}

function mediaFault(creative: CreativeOf<'video' | 'audio'>, offer: MediaOffer | null | undefined): NoBidReason | null {
  if (offer == null) return 'creative-size';
  if (intersects(offer.blockedAttributes, creative.attributes)) return 'attribute-blocked';
  const { durationSeconds: seconds } = creative;
  const isLong = offer.maxSeconds > 0 && seconds > offer.maxSeconds;
  if (seconds < offer.minSeconds || isLong) return 'creative-duration';
  if (offer.exactSeconds.length > 0 && !offer.exactSeconds.includes(seconds)) return 'creative-duration';
  if (vastFor(offer) === null) return 'creative-protocol';
  if (lacksApi(creative.apis, offer.apis)) return 'creative-api';
  if (creative.type === 'video' && !offer.mayBox && !hasShape(creative, offer)) return 'creative-size';
  return filesFor(creative, offer).length === 0 ? 'creative-mime' : null;
}

/** The best version of VAST that the offer names, or the best of all where it names none. */
export function vastFor({ protocols }: MediaOffer): (typeof VAST_VERSIONS)[number] | null {
  if (protocols.length === 0) return VAST_VERSIONS[0] ?? null;
  return VAST_VERSIONS.find(({ protocol }) => protocols.includes(protocol)) ?? null;
}

/** Files that the offer's player can play. */
export function filesFor({ mediaFiles }: { mediaFiles: readonly MediaFile[] }, offer: MediaOffer): MediaFile[] {
  return mediaFiles.filter(
    ({ mime, bitrateKbps }) =>
      offer.mimes.includes(mime) &&
      bitrateKbps >= offer.minKbps &&
      (offer.maxKbps === 0 || bitrateKbps <= offer.maxKbps),
  );
}

function hasShape({ width, height }: { width: number; height: number }, { w, h }: MediaOffer): boolean {
  if (w === 0 || h === 0) return true;
  return Math.abs((width * h) / (height * w) - 1) <= SHAPE_TOLERANCE;
}

function nativeFault(creative: CreativeOf<'native'>, offer: NativeOffer | null | undefined): NoBidReason | null {
  if (offer == null) return 'creative-size';
  if (intersects(offer.blockedAttributes, creative.attributes)) return 'attribute-blocked';
  if (lacksApi(creative.apis, offer.apis)) return 'creative-api';
  return offer.assets.every((asset) => !asset.isRequired || nativeFill(creative, asset) !== null)
    ? null
    : 'creative-asset';
}

/** What fills one asset of a native placement. */
export type NativeFill =
  | { kind: 'title'; text: string }
  | { kind: 'img'; url: string; w: number; h: number; type: number }
  | { kind: 'data'; value: string; type: number };

/** The creative's answer to one asset; null when it has none that fits. */
export function nativeFill(creative: CreativeOf<'native'>, asset: NativeAsset): NativeFill | null {
  switch (asset.kind) {
    case 'title':
      return fits(creative.title, asset) ? { kind: 'title', text: creative.title } : null;
    case 'data': {
      const found = creative.data.find(({ type, value }) => type === asset.type && fits(value, asset));
      return found === undefined ? null : { kind: 'data', value: found.value, type: found.type };
    }
    case 'img': {
      const found = creative.images.find((image) => isImageFor(image, asset));
      return found === undefined
        ? null
        : { kind: 'img', url: found.url, w: found.width, h: found.height, type: found.type };
    }
    case 'video':
      return null;
  }
}

const fits = (text: string, { maxChars }: NativeAsset): boolean => maxChars === 0 || text.length <= maxChars;

function isImageFor(image: CreativeOf<'native'>['images'][number], asset: NativeAsset): boolean {
  // Type 2, a logo, was folded into the icon by Native 1.2; without a type the main image is meant.
  const wanted = asset.type === LOGO ? ICON : asset.type === 0 ? MAIN : asset.type;
  if (image.type !== wanted) return false;
  // Least sizes, where given, are the condition and exact ones a wish (Native 1.2, 4.4).
  const isWide = asset.minW > 0 ? image.width >= asset.minW : asset.w === 0 || image.width === asset.w;
  const isHigh = asset.minH > 0 ? image.height >= asset.minH : asset.h === 0 || image.height === asset.h;
  return isWide && isHigh && (asset.mimes.length === 0 || asset.mimes.includes(imageMime(image.url)));
}

const IMAGE_MIMES: Readonly<Record<string, string>> = {
  png: 'image/png',
  gif: 'image/gif',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  svg: 'image/svg+xml',
};

function imageMime(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return IMAGE_MIMES[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? '';
}

/** A framework that the creative needs and that the place does not name. */
const lacksApi = (needed: readonly number[], offered: readonly number[] | undefined): boolean =>
  needed.length > 0 && !needed.every((api) => offered?.includes(api) === true);

function intersects(left: readonly number[], right: readonly number[]): boolean {
  if (left.length === 0 || right.length === 0) return false;
  for (const item of right) if (left.includes(item)) return true;
  return false;
}

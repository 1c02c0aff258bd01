import type { FxTable } from '../contracts/exchange';
import type { ImpressionVeto, MediaOffer, NativeOffer, NormalisedImpression } from '../contracts/normalised-request';
import { floorMicrosOf } from './floors';
import { numberOf, numbersOf, objectOf, textOf, textsOf, type JsonObject } from './json-shape';
import { normaliseDeals } from './normalise-deals';
import { normaliseMedia } from './normalise-media';
import { normaliseNative } from './normalise-native';

/** Most sizes that one banner may offer to us: bounds matching. */
const MAX_SIZES = 16;
/** More people than see one screen at once: beyond it the request is wrong, and would be dear. */
const MAX_QUANTITY = 10_000;
const NO_NUMBERS: number[] = [];
const NO_TEXTS: string[] = [];
const NO_SIZES: { w: number; h: number }[] = [];

/** What of a whole request every impression inherits. */
export interface RequestTerms {
  fx: FxTable;
  seat: string;
  /** Auction type of the open auction and of deals that name none. */
  auctionType: 1 | 2;
  /** The open auction has a type that only deals can have (`at` = 3). */
  isDealsOnly: boolean;
}

/** Reads one impression; floors go through FX to the fleet's currency and are rounded up. */
export function normaliseImpression(raw: JsonObject, terms: RequestTerms): NormalisedImpression {
  const banner = objectOf(raw['banner']);
  const pmp = objectOf(raw['pmp']);
  const floor = floorMicrosOf(raw, terms.fx);
  const offers = offersOf(raw, banner, terms.fx);
  const deals = normaliseDeals(pmp, terms.fx, terms.seat, terms.auctionType);
  // An open floor that cannot be kept closes the open auction only.
  const isDealsOnly = terms.isDealsOnly || pmp?.['private_auction'] === 1 || floor === null;
  const quantity = quantityOf(raw);
  return {
    impId: textOf(raw['id']),
    sizes: offers.sizes,
    veto: offers.veto ?? vetoOf(quantity, floor, isDealsOnly && deals.length === 0),
    floorMicros: floor ?? 0,
    isSecure: raw['secure'] === 1,
    isInterstitial: raw['instl'] === 1,
    position: banner === undefined ? 0 : numberOf(banner['pos'], 0),
    blockedAttributes: banner === undefined ? NO_NUMBERS : numbersOf(banner['battr']),
    blockedTypes: banner === undefined ? NO_NUMBERS : numbersOf(banner['btype']),
    mimes: banner === undefined ? NO_TEXTS : textsOf(banner['mimes']).map((mime) => mime.toLowerCase()),
    apis: banner === undefined ? NO_NUMBERS : numbersOf(banner['api']),
    video: offers.video,
    audio: offers.audio,
    native: offers.native,
    isRewarded: raw['rwdd'] === 1,
    deals,
    isDealsOnly,
    placement: textOf(objectOf(raw['ext'])?.['gpid']) || textOf(raw['tagid']),
    quantity,
    expirySeconds: Math.ceil(numberOf(raw['exp'], 0)),
  };
}

interface Offers {
  sizes: { w: number; h: number }[];
  video: MediaOffer | null;
  audio: MediaOffer | null;
  native: NativeOffer | null;
  veto: ImpressionVeto | null;
}

/** All formats that the impression offers and that we could fill; `veto` says why when there is none. */
function offersOf(raw: JsonObject, banner: JsonObject | undefined, fx: FxTable): Offers {
  const offers: Offers = {
    sizes: banner === undefined ? NO_SIZES : sizesOf(banner),
    video: null,
    audio: null,
    native: null,
    veto: 'no-format',
  };
  if (offers.sizes.length > 0) offers.veto = null;
  else if (banner !== undefined) offers.veto = 'no-banner';
  for (const format of ['video', 'audio'] as const) {
    const slot = objectOf(raw[format]);
    if (slot === undefined) continue;
    const offer = normaliseMedia(slot, raw, fx);
    if (typeof offer === 'string') offers.veto &&= offer;
    else {
      offers[format] = offer;
      offers.veto = null;
    }
  }
  const native = objectOf(raw['native']);
  offers.native = native === undefined ? null : normaliseNative(native);
  if (offers.native !== null) offers.veto = null;
  return offers;
}

/** Why nobody may bid although a format fits; `isClosed` = neither the open auction nor a deal is left. */
function vetoOf(quantity: number, floor: number | null, isClosed: boolean): ImpressionVeto | null {
  if (quantity > MAX_QUANTITY) return 'quantity-unsupported';
  if (!isClosed) return null;
  return floor === null ? 'floor-currency-unknown' : 'private-deals-only';
}

function quantityOf(raw: JsonObject): number {
  const multiplier = numberOf(objectOf(raw['qty'])?.['multiplier'], 1);
  return multiplier > 0 ? multiplier : 1;
}

/**
 * Exact sizes that a banner offers. Formats, where given, are the list of permitted sizes and `w`/`h` beside them is only the
 * slot; without formats `w` x `h` is the size. Ratio formats and 0 x 0 offer nothing that a fixed-size creative could fill.
 */
function sizesOf(banner: JsonObject): { w: number; h: number }[] {
  const formats = banner['format'];
  const out: { w: number; h: number }[] = [];
  if (Array.isArray(formats)) {
    for (let i = 0; i < formats.length && out.length < MAX_SIZES; i += 1) {
      const format = objectOf(formats[i]);
      if (format !== undefined) push(out, format['w'], format['h']);
    }
  }
  if (out.length === 0) push(out, banner['w'], banner['h']);
  return out;
}

function push(out: { w: number; h: number }[], w: unknown, h: unknown): void {
  if (typeof w !== 'number' || typeof h !== 'number' || w < 1 || h < 1) return;
  for (const size of out) if (size.w === w && size.h === h) return;
  out.push({ w, h });
}

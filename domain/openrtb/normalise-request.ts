import type { ExchangeSettings, FxTable } from '../contracts/exchange';
import {
  BLOCK_ALL,
  type NormalisedImpression,
  type NormalisedRequest,
  type RequestVeto,
} from '../contracts/normalised-request';
import { userBucketOf } from '../coordination/assignment';
import { rateOf } from '../money';
import { countryCode } from './country-code';
import { deviceTraits } from './device-traits';
import { dsaDemandOf } from './dsa';
import { isObject, numberOf, objectOf, textOf, textsOf, type JsonObject } from './json-shape';
import { normaliseImpression, type RequestTerms } from './normalise-impression';
import { privacyVerdict } from './privacy';
import { supplyChainOf } from './supply-chain';
import { userIdOf } from './user-id';

const NO_TEXTS: string[] = [];
/** Content Taxonomy 1.0, the one that creatives and block lists are compared in. */
const CATTAX_1 = 1;
/** Most segments that are read of one user. */
const MAX_SEGMENTS = 64;

/** A decoded request: raw ids and addresses are gone. */
export type DecodedRequest = NormalisedRequest;

/**
 * Turns a request that passed `validateBidRequest` into what decisions read; privacy first. `hashUser` answers 16 hex digits
 * of a keyed hash. Raw ids, addresses and coordinates never enter the result.
 */
export function normaliseRequest(
  raw: unknown,
  exchange: ExchangeSettings,
  fx: FxTable,
  hashUser: (id: string) => string,
  layerSalt: string,
): NormalisedRequest {
  if (!isObject(raw)) throw new TypeError('normaliseRequest needs a validated request');
  const device = objectOf(raw['device']);
  const user = objectOf(raw['user']);
  const privacy = privacyVerdict(raw, exchange.gvlVendorId);
  const userId = privacy.mayIdentify ? userIdOf(user, device) : '';
  const userKey = userId === '' ? null : hashUser(userId);
  const channel = raw['app'] != null ? 'app' : raw['dooh'] != null ? 'dooh' : 'site';
  const place = objectOf(raw[channel]);
  const at = numberOf(raw['at'], exchange.auctionType);
  const bidCurrency = bidCurrencyOf(raw, exchange, fx);
  const allowedSeats = textsOf(raw['wseat']);
  const blockedSeats = textsOf(raw['bseat']);
  const isSeatBlocked =
    (allowedSeats.length > 0 && !allowedSeats.includes(exchange.seat)) || blockedSeats.includes(exchange.seat);
  const traits = deviceTraits(device, channel);
  const supplyChain = supplyChainOf(raw);
  // An auction type that we do not know is shaded like a first price: the safe side.
  const auctionType = at === 2 ? 2 : 1;
  const terms = { fx, seat: exchange.seat, auctionType, isDealsOnly: at === 3 } as const;
  return {
    requestId: textOf(raw['id']),
    exchange: exchange.exchange,
    auctionType,
    tmaxMs: numberOf(raw['tmax'], exchange.defaultTmaxMs),
    isTest: raw['test'] === 1,
    supplyChain,
    currencies: textsOf(raw['cur']).map((currency) => currency.toUpperCase()),
    bidCurrency,
    channel,
    publisher: publisherOf(channel, place),
    language: traits.language,
    country: countryCode(
      textOf(objectOf(device?.['geo'])?.['country']) || textOf(objectOf(user?.['geo'])?.['country']),
    ),
    deviceType: traits.deviceType,
    os: traits.os,
    isMobile: traits.isMobile,
    userKey,
    userBucket: userKey === null ? null : userBucketOf(layerSalt, userKey),
    segments: userKey === null || !privacy.mayProfile ? NO_TEXTS : segmentsOf(user),
    consent: { profile: privacy.mayProfile, measure: privacy.mayMeasure },
    blockedCategories: blockedCategoriesOf(raw),
    blockedAdvertisers: textsOf(raw['badv']).map((domain) => domain.toLowerCase()),
    blockedApps: textsOf(raw['bapp']).map((app) => app.toLowerCase()),
    allowedLanguages: textsOf(raw['wlang']).map(primaryLanguage),
    allowedSeats,
    blockedSeats,
    dsa: dsaDemandOf(raw),
    veto: privacy.veto ?? vetoOf(exchange, supplyChain, isSeatBlocked, bidCurrency),
    impressions: impressionsOf(raw['imp'], terms),
    contentCategories: textsOf(place?.['cat']).map((category) => category.toUpperCase()),
    allowedCategories: textsOf(raw['acat']).map((category) => category.toUpperCase()),
  };
}

function vetoOf(
  exchange: ExchangeSettings,
  chain: NormalisedRequest['supplyChain'],
  isSeatBlocked: boolean,
  bidCurrency: string,
): RequestVeto | null {
  if (exchange.needsCompleteChain === true && chain?.isComplete !== true) return 'supply-chain-incomplete';
  if (isSeatBlocked) return 'seat-blocked';
  return bidCurrency === '' ? 'currency-not-allowed' : null;
}

function impressionsOf(list: unknown, terms: RequestTerms): NormalisedImpression[] {
  const out: NormalisedImpression[] = [];
  if (!Array.isArray(list)) return out;
  for (const item of list) if (isObject(item)) out.push(normaliseImpression(item, terms));
  return out;
}

/**
 * Currency to bid in, as the exchange spells it (some compare by case): the first allowed one that the FX table knows, '' when
 * there is none. Without `cur` the exchange's own.
 */
function bidCurrencyOf(raw: JsonObject, exchange: ExchangeSettings, fx: FxTable): string {
  const allowed = textsOf(raw['cur']);
  if (allowed.length === 0) return exchange.currency;
  return allowed.find((currency) => rateOf(fx, currency) !== null) ?? '';
}

/** Domain of a site without scheme, path, port and `www.`, from its page when the domain is missing; bundle of an app. */
function publisherOf(channel: NormalisedRequest['channel'], place: JsonObject | undefined): string {
  if (place === undefined) return '';
  if (channel !== 'site') return textOf(place['bundle']).toLowerCase();
  let host = (textOf(place['domain']) || textOf(place['page'])).trim().toLowerCase();
  const scheme = host.indexOf('://');
  if (scheme >= 0) host = host.slice(scheme + 3);
  for (const end of ['/', '?', '#', ':']) {
    const at = host.indexOf(end);
    if (at >= 0) host = host.slice(0, at);
  }
  return host.startsWith('www.') ? host.slice(4) : host;
}

/** `bcat` in Content Taxonomy 1.0; in any other taxonomy it cannot be compared and blocks all, the safe side. */
function blockedCategoriesOf(raw: JsonObject): string[] {
  const blocked = textsOf(raw['bcat']);
  const allowed = textsOf(raw['acat']);
  if (blocked.length === 0 && allowed.length === 0) return NO_TEXTS;
  if (numberOf(raw['cattax'], CATTAX_1) !== CATTAX_1) return [BLOCK_ALL];
  return blocked.map((category) => category.toUpperCase());
}

/** `en-GB` -> `en`: creatives are written in languages, not in regions. */
const primaryLanguage = (tag: string): string => tag.slice(0, 2).toLowerCase();

function segmentsOf(user: JsonObject | undefined): string[] {
  const data = user?.['data'];
  if (!Array.isArray(data)) return NO_TEXTS;
  const out: string[] = [];
  for (const provider of data) {
    const segments = objectOf(provider)?.['segment'];
    if (!Array.isArray(segments)) continue;
    for (const segment of segments) {
      const id = textOf(objectOf(segment)?.['id']);
      if (id !== '' && out.length < MAX_SEGMENTS) out.push(id);
    }
  }
  return out;
}

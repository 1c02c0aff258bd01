import type { FxTable } from '../contracts/exchange';
import type { NormalisedImpression } from '../contracts/normalised-request';
import { ceilMicros, floorToBaseMicros } from '../money';
import { numberOf, numbersOf, objectOf, textOf, textsOf, type JsonObject } from './json-shape';

/** Most sizes that one banner may offer to us: bounds matching. */
const MAX_SIZES = 16;
const NO_NUMBERS: number[] = [];
const NO_TEXTS: string[] = [];
const NO_SIZES: { w: number; h: number }[] = [];

/** What of a whole request every impression inherits. */
export interface RequestTerms {
  /** Fixed-price deals (at = 3) and regulation that demands what we cannot send, e.g. a DSA statement. */
  isUnsupported: boolean;
}

/** Reads one impression; floors go through FX to the fleet's currency and are rounded up. */
export function normaliseImpression(raw: JsonObject, fx: FxTable, terms: RequestTerms): NormalisedImpression {
  const banner = objectOf(raw['banner']);
  const floor = floorMicrosOf(raw, fx);
  return {
    impId: textOf(raw['id']),
    sizes: banner === undefined ? NO_SIZES : sizesOf(banner),
    veto: vetoOf(raw, banner, floor, terms),
    floorMicros: floor ?? 0,
    isSecure: raw['secure'] === 1,
    isInterstitial: raw['instl'] === 1,
    position: banner === undefined ? 0 : numberOf(banner['pos'], 0),
    blockedAttributes: banner === undefined ? NO_NUMBERS : numbersOf(banner['battr']),
    blockedTypes: banner === undefined ? NO_NUMBERS : numbersOf(banner['btype']),
    mimes: banner === undefined ? NO_TEXTS : textsOf(banner['mimes']).map((mime) => mime.toLowerCase()),
  };
}

/** Floor in base micros; null when its currency is unknown to the FX table. An absent currency means USD (2.6, 3.2.4). */
function floorMicrosOf(raw: JsonObject, fx: FxTable): number | null {
  const micros = ceilMicros(numberOf(raw['bidfloor'], 0));
  if (micros === 0) return 0;
  return floorToBaseMicros(fx, textOf(raw['bidfloorcur']) || 'USD', micros);
}

function vetoOf(
  raw: JsonObject,
  banner: JsonObject | undefined,
  floor: number | null,
  terms: RequestTerms,
): NormalisedImpression['veto'] {
  const pmp = objectOf(raw['pmp']);
  if (pmp !== undefined && pmp['private_auction'] === 1) return 'private-deals-only';
  if (banner === undefined) return 'no-banner';
  if (terms.isUnsupported || numberOf(objectOf(raw['qty'])?.['multiplier'], 1) > 1) return 'unsupported-format';
  if (sizesOf(banner).length === 0) return 'no-banner';
  if (floor === null) return 'floor-currency-unknown';
  return null;
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

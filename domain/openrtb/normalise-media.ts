import type { FxTable } from '../contracts/exchange';
import type { ImpressionVeto, MediaOffer } from '../contracts/normalised-request';
import { durationFloorsOf } from './floors';
import { numberOf, numbersOf, textsOf, type JsonObject } from './json-shape';

const NONLINEAR = 2;
/** Names that exchanges send for registered media types. */
const MIME_ALIASES: Readonly<Record<string, string>> = {
  'audio/mp3': 'audio/mpeg',
  'audio/m4a': 'audio/mp4',
  'audio/x-m4a': 'audio/mp4',
  'video/x-m4v': 'video/mp4',
};

/** Why a slot is not offered to us although the request has it. */
export type OfferVeto = Extract<ImpressionVeto, 'pod-unsupported' | 'nonlinear-unsupported' | 'floor-currency-unknown'>;

/**
 * Reads `imp.video` or `imp.audio`. A pod is refused: several ads of one break would have to be chosen together, and so is a slot that takes
 * nothing but overlays.
 */
export function normaliseMedia(slot: JsonObject, impression: JsonObject, fx: FxTable): MediaOffer | OfferVeto {
  if (isPod(slot)) return 'pod-unsupported';
  if (slot['linearity'] === NONLINEAR) return 'nonlinear-unsupported';
  const floors = durationFloorsOf(slot['durfloors'], impression, fx);
  if (floors === null) return 'floor-currency-unknown';
  const protocols = numbersOf(slot['protocols']);
  return {
    mimes: textsOf(slot['mimes']).map(registeredMime),
    minSeconds: numberOf(slot['minduration'], 0),
    maxSeconds: numberOf(slot['maxduration'], 0),
    exactSeconds: numbersOf(slot['rqddurs']),
    // `protocol`, one number, is how OpenRTB before 2.3 said it and some exchanges still do.
    protocols: protocols.length === 0 && typeof slot['protocol'] === 'number' ? [slot['protocol']] : protocols,
    blockedAttributes: numbersOf(slot['battr']),
    apis: numbersOf(slot['api']),
    minKbps: numberOf(slot['minbitrate'], 0),
    maxKbps: numberOf(slot['maxbitrate'], 0),
    w: numberOf(slot['w'], 0),
    h: numberOf(slot['h'], 0),
    mayBox: slot['boxingallowed'] !== 0,
    floors,
  };
}

function registeredMime(sent: string): string {
  const mime = sent.toLowerCase();
  return MIME_ALIASES[mime] ?? mime;
}

/** Dynamic pods give a duration to fill, structured ones an id and a place; `maxseq` and `sequence` are older ways to say it. */
function isPod(slot: JsonObject): boolean {
  return (
    numberOf(slot['poddur'], 0) > 0 ||
    (slot['podid'] != null && slot['podid'] !== '' && slot['podid'] !== 0) ||
    numberOf(slot['maxseq'], 1) > 1
  );
}

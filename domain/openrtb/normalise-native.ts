import type { NativeAsset, NativeOffer } from '../contracts/normalised-request';
import { numberOf, numbersOf, objectOf, textOf, textsOf, type JsonObject } from './json-shape';
import { nativeRequestOf } from './native-request';

/** Most assets that are read of one placement. */
const MAX_ASSETS = 32;
const IMPRESSION_EVENT = 1;
const IMAGE_METHOD = 1;
const KINDS = ['title', 'img', 'data', 'video'] as const;

/** Reads a validated `imp.native`; null when it holds no request. */
export function normaliseNative(native: JsonObject): NativeOffer | null {
  const request = nativeRequestOf(textOf(native['request']));
  const list = request?.['assets'];
  if (request === null || !Array.isArray(list)) return null;
  const assets: NativeAsset[] = [];
  for (const item of list) {
    const asset = objectOf(item);
    if (asset !== undefined && assets.length < MAX_ASSETS) assets.push(assetOf(asset));
  }
  return {
    version: textOf(native['ver']) || textOf(request['ver']) || '1.2',
    assets,
    blockedAttributes: numbersOf(native['battr']),
    apis: numbersOf(native['api']),
    takesEventTrackers: takesImpressionImage(request['eventtrackers']),
  };
}

function assetOf(asset: JsonObject): NativeAsset {
  const kind = KINDS.find((name) => objectOf(asset[name]) !== undefined) ?? 'data';
  const asked = objectOf(asset[kind]) ?? {};
  return {
    id: numberOf(asset['id'], 0),
    isRequired: asset['required'] === 1,
    kind,
    type: numberOf(asked['type'], 0),
    maxChars: numberOf(asked['len'], 0),
    w: numberOf(asked['w'], 0),
    h: numberOf(asked['h'], 0),
    minW: numberOf(asked['wmin'], 0),
    minH: numberOf(asked['hmin'], 0),
    mimes: textsOf(asked['mimes']).map((mime) => mime.toLowerCase()),
  };
}

function takesImpressionImage(trackers: unknown): boolean {
  if (!Array.isArray(trackers)) return false;
  return trackers.some((item) => {
    const tracker = objectOf(item);
    return tracker?.['event'] === IMPRESSION_EVENT && numbersOf(tracker['methods']).includes(IMAGE_METHOD);
  });
}

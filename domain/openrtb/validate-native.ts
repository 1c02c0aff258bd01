import { isObject, type JsonObject } from './json-shape';
import { nativeRequestOf } from './native-request';
import { fault, negativeFault, textListFault, type Fault } from './validation-fault';

const ASSET_KINDS = ['title', 'img', 'video', 'data'] as const;
/** Values from 500 up are exchange-specific in every list of the Native Ads API. */
const PRIVATE_FROM = 500;
const DATA_TYPES = 12;
const CONTEXTS = 3;
/** Context sub-types 10..15 belong to context 1, 20..22 to 2, 30..32 to 3 (Native 1.2, section 7.2). */
const LAST_SUBTYPE: Readonly<Record<number, number>> = { 1: 15, 2: 22, 3: 32 };

/** Structural fault of `imp.native` (OpenRTB Dynamic Native Ads API 1.2), or null. `at` is its JSON pointer. */
export function validateNative(native: unknown, at: string): Fault | null {
  if (!isObject(native)) return fault('type', at, 'must be an object');
  const text = native['request'];
  if (typeof text !== 'string' || text === '') return fault('required', `${at}/request`, 'must be a non-empty string');
  const request = nativeRequestOf(text);
  if (request === null) return fault('type', `${at}/request`, 'must hold a JSON object');
  return (
    contextFault(request, `${at}/request`) ??
    assetsFault(request['assets'], `${at}/request/assets`) ??
    trackersFault(request['eventtrackers'], `${at}/request/eventtrackers`)
  );
}

function contextFault(request: JsonObject, at: string): Fault | null {
  const { context, contextsubtype: subtype } = request;
  if (context == null) return null;
  if (typeof context !== 'number') return fault('type', `${at}/context`, 'must be a number');
  if (context !== 0 && !known(context, CONTEXTS)) return fault('value', `${at}/context`, 'unknown context type');
  if (subtype == null || subtype === 0 || context >= PRIVATE_FROM) return null;
  if (typeof subtype !== 'number') return fault('type', `${at}/contextsubtype`, 'must be a number');
  const last = LAST_SUBTYPE[context];
  if (subtype < PRIVATE_FROM && last !== undefined && (subtype < context * 10 || subtype > last)) {
    return fault('value', `${at}/contextsubtype`, 'sub-type does not belong to the context type');
  }
  return null;
}

const known = (value: unknown, last: number): boolean =>
  typeof value === 'number' && ((value >= 1 && value <= last) || value >= PRIVATE_FROM);

function assetsFault(assets: unknown, at: string): Fault | null {
  if (!Array.isArray(assets) || assets.length === 0) return fault('required', at, 'needs at least one asset');
  const seen = new Set<unknown>();
  for (let i = 0; i < assets.length; i += 1) {
    const asset: unknown = assets[i];
    const here = `${at}/${i}`;
    if (!isObject(asset)) return fault('type', here, 'must be an object');
    if (!Number.isInteger(asset['id'])) return fault('required', `${here}/id`, 'must be an integer');
    if (seen.has(asset['id'])) return fault('duplicate', `${here}/id`, 'asset ids must be unique');
    seen.add(asset['id']);
    const found = assetFault(asset, here);
    if (found) return found;
  }
  return null;
}

function assetFault(asset: JsonObject, at: string): Fault | null {
  let kinds = 0;
  for (const kind of ASSET_KINDS) {
    const value = asset[kind];
    if (value == null) continue;
    kinds += 1;
    if (!isObject(value)) return fault('type', `${at}/${kind}`, 'must be an object');
    const found = kindFault(kind, value, `${at}/${kind}`);
    if (found) return found;
  }
  return kinds > 1 ? fault('exclusive', at, 'an asset is one of title, img, video and data') : null;
}

function kindFault(kind: (typeof ASSET_KINDS)[number], value: JsonObject, at: string): Fault | null {
  switch (kind) {
    case 'title':
      return typeof value['len'] === 'number' && value['len'] > 0
        ? null
        : fault('required', `${at}/len`, 'must be positive');
    case 'img':
      return negativeFault(value, ['w', 'h', 'wmin', 'hmin'], at);
    case 'data':
      return known(value['type'], DATA_TYPES) ? null : fault('value', `${at}/type`, 'unknown data asset type');
    case 'video':
      return videoFault(value, at);
  }
}

function videoFault(value: JsonObject, at: string): Fault | null {
  for (const name of ['minduration', 'maxduration'] as const) {
    if (typeof value[name] !== 'number' || value[name] < 0)
      return fault('required', `${at}/${name}`, 'must be a number');
  }
  const protocols = value['protocols'];
  if (!Array.isArray(protocols) || protocols.length === 0) {
    return fault('required', `${at}/protocols`, 'needs at least one protocol');
  }
  return textListFault(value['mimes'], `${at}/mimes`);
}

function trackersFault(trackers: unknown, at: string): Fault | null {
  if (trackers == null) return null;
  if (!Array.isArray(trackers)) return fault('type', at, 'must be an array');
  for (let i = 0; i < trackers.length; i += 1) {
    const tracker: unknown = trackers[i];
    if (!isObject(tracker)) return fault('type', `${at}/${i}`, 'must be an object');
    if (typeof tracker['event'] !== 'number') return fault('required', `${at}/${i}/event`, 'must be a number');
    const methods = tracker['methods'];
    if (!Array.isArray(methods) || methods.length === 0) {
      return fault('required', `${at}/${i}/methods`, 'needs at least one method');
    }
  }
  return null;
}

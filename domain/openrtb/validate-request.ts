import { isObject, type JsonObject } from './json-shape';
import { fault, type Fault } from './validation-fault';
import { validateImpression } from './validate-impression';

/** Verdict on a decoded body: `pointer` is a JSON pointer to the fault. */
export type Validation = { ok: true } | ({ ok: false } & Fault);

/** More impressions than any exchange sends: bounds the work of one request. */
export const MAX_IMPRESSIONS = 64;

const VALID: Validation = { ok: true };
const OBJECT_MEMBERS = ['site', 'app', 'dooh', 'device', 'user', 'regs', 'source', 'ext'] as const;
const LIST_MEMBERS = ['cur', 'wseat', 'bseat', 'bcat', 'acat', 'badv', 'bapp', 'wlang'] as const;

/**
 * Checks the structure of a bid request (OpenRTB 2.6, section 3.2): what fails here is answered with HTTP 400. Written by
 * hand because it runs on every request. Unknown members and enum values pass.
 */
export function validateBidRequest(raw: unknown): Validation {
  const found = requestFault(raw);
  return found === null ? VALID : { ok: false, code: found.code, pointer: found.pointer, detail: found.detail };
}

function requestFault(raw: unknown): Fault | null {
  if (!isObject(raw)) return fault('not-an-object', '', 'the request must be a JSON object');
  if (typeof raw['id'] !== 'string' || raw['id'] === '') return fault('required', '/id', 'must be a non-empty string');
  return scalarFault(raw) ?? channelFault(raw) ?? deviceFault(raw['device']) ?? impressionsFault(raw['imp']);
}

function scalarFault(raw: JsonObject): Fault | null {
  const { tmax, at } = raw;
  if (tmax != null && !(typeof tmax === 'number' && tmax > 0))
    return fault('range', '/tmax', 'must be a positive number');
  if (at != null && !Number.isInteger(at)) return fault('type', '/at', 'must be an integer');
  for (const name of OBJECT_MEMBERS) {
    if (raw[name] != null && !isObject(raw[name])) return fault('type', `/${name}`, 'must be an object');
  }
  for (const name of LIST_MEMBERS) {
    const list = raw[name];
    if (list == null) continue;
    if (!Array.isArray(list)) return fault('type', `/${name}`, 'must be an array of strings');
    for (let i = 0; i < list.length; i += 1) {
      if (typeof list[i] !== 'string') return fault('type', `/${name}/${i}`, 'must be a string');
    }
  }
  return null;
}

/** Exactly one of site, app and dooh says where the impression is. */
function channelFault(raw: JsonObject): Fault | null {
  const site = raw['site'] != null;
  const app = raw['app'] != null;
  const dooh = raw['dooh'] != null;
  if (!site && !app && !dooh) return fault('required', '', 'one of site, app and dooh is needed');
  if ((site && app) || (site && dooh) || (app && dooh)) {
    return fault('exclusive', site ? '/site' : '/app', 'only one of site, app and dooh may be given');
  }
  return null;
}

function deviceFault(device: unknown): Fault | null {
  if (!isObject(device)) return null;
  for (const name of ['w', 'h', 'ppi', 'pxratio'] as const) {
    const value = device[name];
    if (value != null && !(typeof value === 'number' && value >= 0)) {
      return fault('range', `/device/${name}`, 'must not be negative');
    }
  }
  return null;
}

function impressionsFault(list: unknown): Fault | null {
  if (!Array.isArray(list) || list.length === 0) return fault('required', '/imp', 'needs at least one impression');
  if (list.length > MAX_IMPRESSIONS) return fault('range', '/imp', `at most ${MAX_IMPRESSIONS} impressions`);
  const seen = list.length > 1 ? new Set<string>() : null;
  for (let i = 0; i < list.length; i += 1) {
    const impression: unknown = list[i];
    const at = `/imp/${i}`;
    if (!isObject(impression)) return fault('type', at, 'must be an object');
    const id = impression['id'];
    if (typeof id !== 'string' || id === '') return fault('required', `${at}/id`, 'must be a non-empty string');
    if (seen?.has(id)) return fault('duplicate', `${at}/id`, 'impression ids must be unique');
    seen?.add(id);
    const found = validateImpression(impression, at);
    if (found) return found;
  }
  return null;
}

import { objectOf, textOf, type JsonObject } from './json-shape';

/** A zeroed advertising id is how a platform says "no id". */
const ZERO_ID = /^[0-]*$/;
/** Most providers of extended ids that are looked at. */
const MAX_PROVIDERS = 16;

/**
 * The best id that we may use: our own id of the user, the exchange's, the device's advertising id, or the first extended id (`eids`, also in
 * its 2.5 place), which is prefixed with its provider. '' = none. Nothing is ever made of address and device: that would be fingerprinting.
 */
export function userIdOf(user: JsonObject | undefined, device: JsonObject | undefined): string {
  for (const id of [textOf(user?.['buyeruid']), textOf(user?.['id']), textOf(device?.['ifa'])]) {
    if (id !== '' && !ZERO_ID.test(id)) return id;
  }
  return extendedId(user?.['eids']) || extendedId(objectOf(user?.['ext'])?.['eids']);
}

function extendedId(list: unknown): string {
  if (!Array.isArray(list)) return '';
  for (let i = 0; i < list.length && i < MAX_PROVIDERS; i += 1) {
    const provider = objectOf(list[i]);
    const uids = provider?.['uids'];
    const id = Array.isArray(uids) ? textOf(objectOf(uids[0])?.['id']) : '';
    if (id !== '' && !ZERO_ID.test(id)) return `${textOf(provider?.['source'])}|${id}`;
  }
  return '';
}

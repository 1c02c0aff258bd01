import { randomBytes } from 'node:crypto';

/** Kinds of things that the control plane names itself. */
export type IdPrefix = 'adv' | 'cmp' | 'crt' | 'snp' | 'grt' | 'mov' | 'rol' | 'apr' | 'frz' | 'inc' | 'exp' | 'rec';

/**
 * A new identifier: `<prefix>_<UUIDv7 without dashes>`, so that ids sort by the time of making (RFC 9562, section 5.7).
 * `nowMs` is epoch milliseconds.
 */
export function prefixedId(prefix: IdPrefix, nowMs = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return `${prefix}_${bytes.toString('hex')}`;
}

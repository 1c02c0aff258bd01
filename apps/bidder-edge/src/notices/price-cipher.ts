import { createHmac, timingSafeEqual } from 'node:crypto';
import { MAX_PRICE_MICROS } from '#domain/money';

/** The two keys that an exchange gives out for its prices. */
export interface PriceKeys {
  encryption: Buffer;
  integrity: Buffer;
}

const IV_BYTES = 16;
const PRICE_BYTES = 8;
const SIGNATURE_BYTES = 4;
/** Length of the three in base64 without padding. */
const CHARS = 38;

/**
 * Price in an exchange's macro, micros: base64url of iv (16 bytes), price XOR the first 8 bytes of HMAC-SHA1(encryption key, iv), and the
 * first 4 bytes of HMAC-SHA1(integrity key, price, iv). Null for anything that these keys did not write, or no possible price.
 */
export function decryptPriceMicros(text: string, keys: PriceKeys): number | null {
  const unpadded = text.replace(/=+$/, '');
  if (unpadded.length !== CHARS) return null;
  const bytes = Buffer.from(unpadded, 'base64url');
  if (bytes.length !== IV_BYTES + PRICE_BYTES + SIGNATURE_BYTES) return null;
  const iv = bytes.subarray(0, IV_BYTES);
  const price = Buffer.from(bytes.subarray(IV_BYTES, IV_BYTES + PRICE_BYTES));
  const pad = createHmac('sha1', keys.encryption).update(iv).digest();
  for (let at = 0; at < PRICE_BYTES; at += 1) price[at] = (price[at] as number) ^ (pad[at] as number);
  const signature = createHmac('sha1', keys.integrity).update(price).update(iv).digest().subarray(0, SIGNATURE_BYTES);
  if (!timingSafeEqual(signature, bytes.subarray(IV_BYTES + PRICE_BYTES))) return null;
  const micros = price.readBigUInt64BE();
  return micros > BigInt(MAX_PRICE_MICROS) ? null : Number(micros);
}

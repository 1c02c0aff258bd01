import { createHash, timingSafeEqual } from 'node:crypto';
import { KeyedHash } from '../keyed-hash';
import type { NoticeToken, TokenFault, TokenVerdict } from './notice-token';
import { MAC_BYTES, packToken, unpackToken } from './packed-token';
import { readTextToken } from './text-token';

/** `n2.<key>.<fields and MAC in base64url>`; before decision 038 `n1.<key>.<fields>.<MAC>`. */
const VERSION = 'n2';
const TEXT_VERSION = 'n1';
/** Longest token ever read: longer ones are refused before any cryptography. */
const MAX_CHARS = 2048;

/** Public name of a key: the first bytes of its hash. */
export const keyIdOf = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, 8);

/** Signs with the first key and accepts all given keys (rotation with two live keys). HMAC-SHA256, constant-time compare. */
export class NoticeSigner {
  private keys: ReadonlyMap<string, KeyedHash> = new Map();
  private prefix = '';
  private current: KeyedHash;
  /** The live keys themselves, for the other threads of this process. */
  secrets: readonly Buffer[] = [];

  constructor(keys: readonly Buffer[]) {
    this.current = new KeyedHash(keys[0]);
    this.use(keys);
  }

  /** Public names of the live keys, the one that signs first. */
  get keyIds(): string[] {
    return [...this.keys.keys()];
  }

  /** Takes other keys from here on; false when they are the same in the same order. */
  use(keys: readonly Buffer[]): boolean {
    const ids = keys.map(keyIdOf);
    if (ids.join() === this.keyIds.join()) return false;
    this.secrets = keys;
    this.keys = new Map(keys.map((key, at) => [ids[at], new KeyedHash(key)]));
    this.current = new KeyedHash(keys[0]);
    this.prefix = `${VERSION}.${ids[0]}.`;
    return true;
  }

  /** The token as text that is good for URLs as it is. */
  sign(token: NoticeToken): string {
    return this.prefix + bufferOf(packToken(token, this.current)).toString('base64url');
  }

  /** @param nowMs null when the age of the token is judged by what it is used for */
  verify(text: string, nowMs: number | null): TokenVerdict {
    const token = this.read(text.length <= MAX_CHARS ? text.split('.') : []);
    if (typeof token === 'string') return { ok: false, fault: token };
    return nowMs !== null && nowMs > token.expiresAtMs ? { ok: false, fault: 'expired' } : { ok: true, token };
  }

  private read(parts: readonly string[]): NoticeToken | TokenFault {
    const [version, keyId = '', body = '', mac = ''] = parts;
    const isText = version === TEXT_VERSION && parts.length === 4;
    if (!isText && (version !== VERSION || parts.length !== 3)) return 'malformed';
    const key = this.keys.get(keyId);
    if (!key) return 'forged';
    return isText ? readTextToken(`${version}.${keyId}.${body}`, mac, key) : readPacked(body, key);
  }
}

function readPacked(body: string, key: KeyedHash): NoticeToken | TokenFault {
  const bytes = Buffer.from(body, 'base64url');
  // Decoding is lenient, and only the canonical text is ours.
  if (bytes.length <= MAC_BYTES || bytes.toString('base64url') !== body) return 'forged';
  const fields = bytes.subarray(0, -MAC_BYTES);
  const expected = Buffer.from(key.mac(fields, 'latin1').slice(0, MAC_BYTES), 'latin1');
  if (!timingSafeEqual(bytes.subarray(-MAC_BYTES), expected)) return 'forged';
  try {
    return unpackToken(fields, key);
  } catch {
    // Signed by another version of ourselves.
    return 'malformed';
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

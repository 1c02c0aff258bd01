import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const FIRST_TEXT_BYTES = 1024;
const BYTES_PER_UNIT = 3;

/**
 * HMAC-SHA256 under one key (RFC 2104), as two one-shot hashes over kept buffers. Node's `createHmac` makes a native object per call that
 * the collector has to finalise, and a bid needs two of them.
 */
export class KeyedHash {
  private readonly outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES, 0x5c);
  private inner = Buffer.alloc(BLOCK_BYTES + FIRST_TEXT_BYTES, 0x36);

  constructor(key: Buffer) {
    const block = key.length > BLOCK_BYTES ? hash('sha256', key, 'buffer') : key;
    for (const [at, byte] of block.entries()) {
      this.outer[at] ^= byte;
      this.inner[at] ^= byte;
    }
  }

  /** MAC of a text's UTF-8 bytes. */
  digest(text: string, encoding: 'hex' | 'base64url'): string {
    const room = BLOCK_BYTES + text.length * BYTES_PER_UNIT;
    if (this.inner.length < room) this.inner = Buffer.concat([this.inner.subarray(0, BLOCK_BYTES)], room);
    const length = this.inner.write(text, BLOCK_BYTES, 'utf8');
    hash('sha256', this.inner.subarray(0, BLOCK_BYTES + length), 'buffer').copy(this.outer, BLOCK_BYTES);
    return hash('sha256', this.outer, encoding);
  }
}

/** Names a user by 16 hex digits of the keyed hash of an id, so that raw ids end at the decoder. */
export function userHasher(key: Buffer): (id: string) => string {
  const keyed = new KeyedHash(key);
  return (id) => keyed.digest(id, 'hex').slice(0, 16);
}

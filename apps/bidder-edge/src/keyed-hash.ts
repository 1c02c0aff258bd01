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

  /** MAC of bytes, or of a text's UTF-8: 32 bytes, a character each in `latin1`. As text, since a buffer of its own costs more than the hash. */
  mac(message: string | Uint8Array, encoding: 'latin1' | 'hex' | 'base64url'): string {
    const room = BLOCK_BYTES + message.length * BYTES_PER_UNIT;
    if (this.inner.length < room) this.inner = Buffer.concat([this.inner.subarray(0, BLOCK_BYTES)], room);
    const length = this.fill(message);
    this.outer.write(hash('sha256', this.inner.subarray(0, BLOCK_BYTES + length), 'latin1'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.outer, encoding);
  }

  private fill(message: string | Uint8Array): number {
    if (typeof message === 'string') return this.inner.write(message, BLOCK_BYTES, 'utf8');
    this.inner.set(message, BLOCK_BYTES);
    return message.length;
  }
}

/** Names a user by 16 hex digits of the keyed hash of an id, so that raw ids end at the decoder. */
export function userHasher(key: Buffer): (id: string) => string {
  const keyed = new KeyedHash(key);
  return (id) => keyed.mac(id, 'hex').slice(0, 16);
}

/** Words before the bytes: written so far, read so far. */
const HEAD_BYTES = 8;
const WRITTEN = 0;
const READ = 1;
/** Before each frame: its kind and length. */
const FRAME_HEAD = 8;
/** Instead of a kind: the rest of the ring is empty, go on at its start. */
const SKIP = 0xffff_ffff;

/** Memory of a ring of `bytes`, a power of two. */
export const openRing = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(HEAD_BYTES + bytes);

/**
 * Frames from one thread to another through shared memory, in order, without a lock and without waking anybody: one side writes, one reads.
 * Bounded: a frame that does not fit is refused.
 */
export class SharedRing {
  private readonly words: Int32Array;
  private readonly bytes: Buffer;
  private readonly mask: number;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, 2);
    this.bytes = Buffer.from(memory, HEAD_BYTES);
    this.mask = this.bytes.length - 1;
    if ((this.bytes.length & this.mask) !== 0) throw new Error('a ring has a power of two of bytes');
  }

  /** Bytes that wait to be read. */
  get waiting(): number {
    return (Atomics.load(this.words, WRITTEN) - Atomics.load(this.words, READ)) >>> 0;
  }

  /** Bytes that may be written. */
  get room(): number {
    return this.bytes.length - this.waiting;
  }

  /** Adds a copy of a frame; false when there is no room. Only the writing thread may call it. */
  put(kind: number, frame: Uint8Array): boolean {
    const { words, bytes, mask } = this;
    const size = sizeOf(frame.length);
    let written = Atomics.load(words, WRITTEN);
    const toEnd = bytes.length - (written & mask);
    const skipped = size > toEnd ? toEnd : 0;
    if (size + skipped > this.room) return false;
    if (skipped > 0) {
      bytes.writeUInt32LE(SKIP, written & mask);
      written += skipped;
    }
    const at = written & mask;
    bytes.writeUInt32LE(kind, at);
    bytes.writeUInt32LE(frame.length, at + 4);
    bytes.set(frame, at + FRAME_HEAD);
    // The reader sees the frame before it sees that there is one.
    Atomics.store(words, WRITTEN, (written + size) | 0);
    return true;
  }

  /** Reads what is there now; a frame is good until `each` returns. Only the reading thread may call it. */
  drain(each: (kind: number, frame: Buffer) => void): void {
    const { words, bytes, mask } = this;
    const until = Atomics.load(words, WRITTEN);
    let read = Atomics.load(words, READ);
    while (read !== until) {
      const at = read & mask;
      const kind = bytes.readUInt32LE(at);
      if (kind === SKIP) {
        read = (read + bytes.length - at) | 0;
        continue;
      }
      const length = bytes.readUInt32LE(at + 4);
      each(kind, bytes.subarray(at + FRAME_HEAD, at + FRAME_HEAD + length));
      read = (read + sizeOf(length)) | 0;
      Atomics.store(words, READ, read);
    }
    Atomics.store(words, READ, read);
  }
}

/** Frames begin at multiples of eight, so that the mark to skip always fits before the end. */
const sizeOf = (length: number): number => (FRAME_HEAD + length + 7) & ~7;

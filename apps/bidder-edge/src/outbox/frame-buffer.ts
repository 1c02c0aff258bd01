import { crc32 } from 'node:zlib';
import { FRAME_HEADER_BYTES } from '#domain/contracts';

const FIRST_BYTES = 64 << 10;
/** A buffer that one burst made larger than this is not kept for the next one. */
const KEEP_BYTES = 8 << 20;
/** UTF-8 bytes that one UTF-16 unit of a text needs at most. */
const BYTES_PER_UNIT = 3;

/**
 * Frames of JSON texts (domain/contracts/segment.ts), one after the other in one buffer that is used again after each commit: a
 * decision's record is written once, where it will be read by the disk, and leaves nothing for the collector.
 */
export class FrameBuffer {
  private buffer = Buffer.allocUnsafe(FIRST_BYTES);
  private used = 0;
  private frames = 0;

  /** Bytes held, headers included. */
  get length(): number {
    return this.used;
  }

  /** Frames held. */
  get count(): number {
    return this.frames;
  }

  /** Adds one event's JSON; answers the bytes of its frame. */
  append(json: string): number {
    this.makeRoom(FRAME_HEADER_BYTES + json.length * BYTES_PER_UNIT);
    const { buffer, used } = this;
    const from = used + FRAME_HEADER_BYTES;
    const length = buffer.write(json, from, 'utf8');
    buffer.writeUInt32LE(length, used);
    buffer.writeUInt32LE(crc32(buffer.subarray(from, from + length)), used + 4);
    this.used = from + length;
    this.frames += 1;
    return FRAME_HEADER_BYTES + length;
  }

  /** A view of all frames, good until the next `append` or `clear`. */
  bytes(): Uint8Array {
    return this.buffer.subarray(0, this.used);
  }

  clear(): void {
    if (this.buffer.length > KEEP_BYTES) this.buffer = Buffer.allocUnsafe(FIRST_BYTES);
    this.used = 0;
    this.frames = 0;
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.used + bytes));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}

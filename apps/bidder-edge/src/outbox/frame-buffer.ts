import { crc32 } from 'node:zlib';
import { ByteWriter, FRAME_HEADER_BYTES, packDecision, type DecisionRecord } from '#domain/contracts';

const FIRST_BYTES = 64 << 10;
/** A buffer that one burst made larger than this is not kept for the next one. */
const KEEP_BYTES = 8 << 20;
/** UTF-8 bytes that one UTF-16 unit of a text needs at most. */
const BYTES_PER_UNIT = 3;

/** Scratch of this module: a record is packed and copied in one go. */
const packed = new ByteWriter();

/**
 * Frames of events (domain/contracts/segment.ts), one after the other in one buffer that is used again after each commit: a decision's
 * record goes where the disk will read it, and leaves nothing for the collector.
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

  /** Adds one event: its JSON, or its bytes, which are copied. */
  append(event: string | Uint8Array): void {
    const isText = typeof event === 'string';
    this.makeRoom(FRAME_HEADER_BYTES + event.length * (isText ? BYTES_PER_UNIT : 1));
    const from = this.used + FRAME_HEADER_BYTES;
    if (isText) return this.close(this.buffer.write(event, from, 'utf8'));
    this.buffer.set(event, from);
    this.close(event.length);
  }

  /** Adds a decision, packed where its shape allows. */
  appendDecision(record: DecisionRecord): void {
    packed.clear();
    this.append(packDecision(packed, record) ? packed.written() : JSON.stringify(record));
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

  /** Puts the header before a body of so many bytes, which is in its place. */
  private close(length: number): void {
    const { buffer, used } = this;
    const from = used + FRAME_HEADER_BYTES;
    buffer.writeUInt32LE(length, used);
    buffer.writeUInt32LE(crc32(buffer.subarray(from, from + length)), used + 4);
    this.used = from + length;
    this.frames += 1;
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.used + bytes));
    this.buffer.copy(larger, 0, 0, this.used);
    this.buffer = larger;
  }
}

import type { DecisionRecord, ShadowRecord } from './decision-record';
import type { Outcome } from './outcome';

/** Everything that an edge appends to its outbox. */
export type EdgeEvent = DecisionRecord | ShadowRecord | Outcome;

/** Frame header: body length and CRC-32 of the body, both unsigned 32-bit little-endian. The body is one event, JSON or packed (`eventText`). */
export const FRAME_HEADER_BYTES = 8;
/** Longest body a reader accepts: longer means a torn or foreign file. */
export const FRAME_MAX_BYTES = 1 << 20;

/**
 * Reads whole frames from the start of `bytes`. `validBytes` < bytes.length means a torn tail (or corruption): everything
 * after it must be truncated by the writer or refused by the reader.
 */
export function decodeFrames(
  bytes: Uint8Array,
  crc32: (bytes: Uint8Array) => number,
): { bodies: Uint8Array[]; validBytes: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodies: Uint8Array[] = [];
  let at = 0;
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    const length = view.getUint32(at, true);
    const end = at + FRAME_HEADER_BYTES + length;
    if (length > FRAME_MAX_BYTES || end > bytes.length) break;
    const body = bytes.subarray(at + FRAME_HEADER_BYTES, end);
    if (crc32(body) >>> 0 !== view.getUint32(at + 4, true)) break;
    bodies.push(body);
    at = end;
  }
  return { bodies, validBytes: at };
}

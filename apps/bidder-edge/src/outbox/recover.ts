import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  truncateSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeFrames } from '#domain/contracts';
import { segmentFolders } from './segment-store';

/** What a crash left behind. */
export interface Recovery {
  segments: number;
  events: number;
  /** Bytes of torn tails cut off: they were never acknowledged to anybody. */
  tornBytes: number;
}

/** Seals the segments that a dead process left open, after cutting off torn tails. Synchronous: runs before serving. */
export function recoverSegments(home: string): Recovery {
  const folders = segmentFolders(home);
  const found: Recovery = { segments: 0, events: 0, tornBytes: 0 };
  for (const name of readdirSync(folders.open).filter((file) => file.endsWith('.seg'))) {
    const file = path.join(folders.open, name);
    const { bodies, length, validBytes } = readWhole(file);
    found.tornBytes += length - validBytes;
    if (validBytes === 0) {
      unlinkSync(file);
      continue;
    }
    renameSync(file, path.join(folders.sealed, name));
    found.segments += 1;
    found.events += bodies.length;
  }
  return found;
}

/** Read at once: more than the longest frame, so that there is always a whole one. */
const CHUNK_BYTES = 4 << 20;

/**
 * Whole frames of a file of any length, one chunk in memory at a time; a torn tail is cut off on disk. A frame is good until the next one is
 * asked for. Returns how many bytes are whole.
 */
export function* readFrames(file: string): Generator<Uint8Array, number> {
  const handle = openSync(file, 'r+');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let whole = 0;
  let kept = 0;
  try {
    for (;;) {
      const read = readSync(handle, chunk, kept, chunk.length - kept, null);
      const { bodies, validBytes } = decodeFrames(chunk.subarray(0, kept + read), crc32);
      yield* bodies;
      whole += validBytes;
      chunk.copyWithin(0, validBytes, kept + read);
      kept += read - validBytes;
      // At the end, or before something that is no frame: nothing behind it can be trusted.
      if (read === 0 || kept === chunk.length) break;
    }
    if (fstatSync(handle).size > whole) ftruncateSync(handle, whole);
  } finally {
    closeSync(handle);
  }
  return whole;
}

/** Whole frames of a file; a torn tail is cut off on disk. */
export function readWhole(file: string): { bodies: Uint8Array[]; length: number; validBytes: number } {
  const bytes = readFileSync(file);
  const { bodies, validBytes } = decodeFrames(bytes, crc32);
  if (validBytes < bytes.length) truncateSync(file, validBytes);
  return { bodies, length: bytes.length, validBytes };
}

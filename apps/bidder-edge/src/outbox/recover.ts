import { readFileSync, readdirSync, renameSync, truncateSync, unlinkSync } from 'node:fs';
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

/** Whole frames of a file; a torn tail is cut off on disk. */
export function readWhole(file: string): { bodies: Uint8Array[]; length: number; validBytes: number } {
  const bytes = readFileSync(file);
  const { bodies, validBytes } = decodeFrames(bytes, crc32);
  if (validBytes < bytes.length) truncateSync(file, validBytes);
  return { bodies, length: bytes.length, validBytes };
}

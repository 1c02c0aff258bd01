import { ByteReader, ByteWriter } from '#domain/contracts';
import type { SavedHistory } from './user-histories';

/** First byte of a user's history in the journal; bids have another one, and every other entry is JSON. */
export const PACKED_HISTORY = 0xb2;

/** Scratch of this module: an entry is copied into the journal's buffer before the next one is packed. */
const writer = new ByteWriter();

/** One user as a checkpoint of the journal keeps it; times relative to the newest. The bytes are good until the next call. */
export function packHistory({ userKey, exposuresMs, clicksMs, forgottenUpToMs }: SavedHistory): Uint8Array {
  const newestMs = Math.max(0, ...exposuresMs, ...clicksMs);
  writer.clear();
  writer.byte(PACKED_HISTORY);
  writer.text(userKey);
  writer.number(forgottenUpToMs);
  writer.number(newestMs);
  for (const timesMs of [exposuresMs, clicksMs]) {
    writer.whole(timesMs.length);
    for (const timeMs of timesMs) writer.number(newestMs - timeMs);
  }
  return writer.written();
}

/** @throws RangeError or TypeError when the bytes are no packed history */
export function unpackHistory(bytes: Uint8Array): SavedHistory {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== PACKED_HISTORY) throw new RangeError('no packed history');
  const userKey = reader.text();
  const forgottenUpToMs = reader.number();
  const newestMs = reader.number();
  const times = (): number[] => reader.list(() => newestMs - reader.number());
  return { userKey, forgottenUpToMs, exposuresMs: times(), clicksMs: times() };
}

import { ByteReader, ByteWriter } from '#domain/contracts';
import type { SavedCounter } from './frequency-counts';

/** First byte of a journalled stretch of counters. */
export const PACKED_COUNTERS = 0xb3;
/** Counters of one entry: some 30 bytes each, 400 at most, well below the longest frame. */
const COUNTERS_AN_ENTRY = 2000;
export const COUNTER_KINDS = ['cap', 'exposure'] as const;

/** What the counters count: impressions under hard caps, or those that tire. */
export type CounterKind = (typeof COUNTER_KINDS)[number];

const writer = new ByteWriter();

/** Many counters in a fifth of their JSON: a checkpoint of a million takes a tenth of a second. The bytes are good until the next call. */
export function packCounters(of: CounterKind, counters: readonly SavedCounter[]): Uint8Array {
  const places = new Map<string, number>();
  writer.clear();
  writer.byte(PACKED_COUNTERS);
  writer.byte(COUNTER_KINDS.indexOf(of));
  writer.whole(counters.length);
  for (const { capKey, low, high, pairs } of counters) {
    const place = places.get(capKey);
    // A key stands where it is first used; then its place does.
    writer.whole(place ?? 0);
    if (place === undefined) {
      places.set(capKey, places.size + 1);
      writer.text(capKey);
    }
    writer.whole(low >>> 0);
    writer.whole(high >>> 0);
    writer.numbers(pairs);
  }
  return writer.written();
}

/** @throws RangeError or TypeError when the bytes are no packed counters */
export function unpackCounters(bytes: Uint8Array): { of: CounterKind; counters: SavedCounter[] } {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== PACKED_COUNTERS) throw new RangeError('no packed counters');
  const of = COUNTER_KINDS[reader.byte()];
  if (of === undefined) throw new RangeError('counters of an unknown kind');
  const keys: string[] = [];
  const counters = reader.list((): SavedCounter => {
    const place = reader.whole();
    if (place === 0) keys.push(reader.text());
    const capKey = keys[place === 0 ? keys.length - 1 : place - 1];
    if (capKey === undefined) throw new RangeError(`no key at place ${place}`);
    return { capKey, low: reader.whole() | 0, high: reader.whole() | 0, pairs: reader.numbers() };
  });
  return { of, counters };
}

/** Counters in the stretches that one journal entry holds. */
export function* stretches(counters: Iterable<SavedCounter>): Generator<SavedCounter[]> {
  let stretch: SavedCounter[] = [];
  for (const counter of counters) {
    stretch.push(counter);
    if (stretch.length < COUNTERS_AN_ENTRY) continue;
    yield stretch;
    stretch = [];
  }
  if (stretch.length > 0) yield stretch;
}

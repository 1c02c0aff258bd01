import { encodeFrame } from '../../test/fixtures/encode-frame';
import { sampleEvents } from './sample-events';
import { readSegment } from './segment-content';

/** Any checksum serves here; the real one is zlib's, given by the caller. */
const checksum = (bytes: Uint8Array) => bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7);

const traffic = { startMs: 1_763_942_400_000, requestsPerSecond: 40, rng: () => 0.5 };
const { decision } = [...sampleEvents(traffic, 1)][0]!;

function segmentOf(...events: unknown[]): Uint8Array {
  const frames = events.map((event) => encodeFrame(new TextEncoder().encode(JSON.stringify(event)), checksum));
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

describe('readSegment', () => {
  it('reads events and says where each body lies', () => {
    const bytes = segmentOf(decision, { ...decision, decisionId: 'second' });
    const read = readSegment(bytes, checksum);
    if (!read.ok) throw new Error(read.fault.detail);
    const [, second] = read.content.decisions;
    const body = bytes.subarray(second!.bodyAt, second!.bodyAt + second!.bodyBytes);
    expect(JSON.parse(new TextDecoder().decode(body))).toMatchObject({ decisionId: 'second' });
  });

  it('takes a conversion for what its own times say, and one without them at its word', () => {
    const [outcome] = [...sampleEvents({ ...traffic, rng: () => 0.1 }, 1)].flatMap(({ outcomes }) => outcomes);
    const conversion = { ...outcome, kind: 'conversion', valueNanos: 5, atMs: 1_000_000 };
    const late = { ...conversion, touch: 'click', touchedAtMs: 0, windowMs: 999_999 };
    const read = readSegment(segmentOf(conversion, { ...late, windowMs: 1_000_000 }, late), checksum);
    if (!read.ok) throw new Error(read.fault.detail);
    expect(read.content.outcomes.map(({ event }) => [event.kind, event.valueNanos])).toEqual([
      ['conversion', 5],
      ['conversion', 5],
      ['outside-window', 0],
    ]);
  });

  it('refuses a torn tail, a flipped bit, an empty file and an unknown event as a whole', () => {
    const bytes = segmentOf(decision, decision);
    const faultOf = (segment: Uint8Array) => {
      const read = readSegment(segment, checksum);
      return read.ok ? 'read' : read.fault.code;
    };
    expect(faultOf(bytes)).toBe('read');
    expect(faultOf(bytes.subarray(0, bytes.length - 1))).toBe('SEGMENT_TORN');
    const flipped = Uint8Array.from(bytes);
    flipped[bytes.length - 5]! ^= 1;
    expect(faultOf(flipped)).toBe('SEGMENT_TORN');
    expect(faultOf(new Uint8Array(0))).toBe('SEGMENT_EMPTY');
    expect(faultOf(segmentOf({ type: 'decision', schemaVersion: 2 }))).toBe('SEGMENT_CORRUPT');
    expect(faultOf(segmentOf({ type: 'outcome', priceNanos: -1 }))).toBe('SEGMENT_CORRUPT');
    expect(faultOf(segmentOf(null))).toBe('SEGMENT_CORRUPT');
  });
});

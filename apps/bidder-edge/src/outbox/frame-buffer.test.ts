import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { decodeFrames } from '#domain/contracts';
import { encodeFrame } from '../../../../test/fixtures/encode-frame';
import { FrameBuffer } from './frame-buffer';

describe('FrameBuffer', () => {
  it('holds what the contract says, whatever the texts, and is as new after clear', () => {
    const frames = new FrameBuffer();
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 200 }), { maxLength: 20 }), (texts) => {
        frames.clear();
        for (const text of texts) frames.append(text);
        const expected = Buffer.concat(texts.map((text) => encodeFrame(Buffer.from(text), crc32)));
        expect(Buffer.from(frames.bytes()).equals(expected)).toBe(true);
        expect(frames.length).toBe(expected.length);
        expect(frames.count).toBe(texts.length);
      }),
    );
  });

  it('grows with what it is given, keeps it, and lets the memory of a burst go', () => {
    const frames = new FrameBuffer();
    const text = 'ä'.repeat(100_000);
    for (let n = 0; n < 60; n += 1) frames.append(text);
    const { bodies, validBytes } = decodeFrames(frames.bytes(), crc32);
    expect(bodies).toHaveLength(60);
    expect(validBytes).toBe(frames.length);
    expect(Buffer.from(bodies[59] ?? []).toString('utf8')).toBe(text);
    frames.clear();
    frames.append('{}');
    expect(frames.bytes().buffer.byteLength).toBeLessThan(1 << 20);
  });
});

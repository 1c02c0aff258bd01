import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { encodeFrame } from '../../test/fixtures/encode-frame';
import { decodeFrames } from './segment';

const join = (parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));

test('frames survive concatenation, and any cut or flipped byte loses only what follows', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 }),
      fc.nat(),
      (bodies, at) => {
        const frames = bodies.map((body) => encodeFrame(body, crc32));
        const whole = join(frames);
        expect(decodeFrames(whole, crc32)).toEqual({ bodies, validBytes: whole.length });
        const cut = at % whole.length;
        const torn = decodeFrames(whole.subarray(0, cut), crc32);
        expect(torn.bodies).toEqual(bodies.slice(0, torn.bodies.length));
        expect(torn.validBytes).toBeLessThanOrEqual(cut);
        const flipped = Uint8Array.from(whole);
        flipped[cut] ^= 1;
        const read = decodeFrames(flipped, crc32);
        expect(read.bodies.length).toBeLessThan(bodies.length);
        expect(read.bodies).toEqual(bodies.slice(0, read.bodies.length));
      },
    ),
  );
});

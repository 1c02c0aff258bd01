import fc from 'fast-check';
import { openRing, SharedRing } from './shared-ring';

const BYTES = 256;

describe('SharedRing', () => {
  it('hands frames over in order, whatever their lengths and whenever they are read', () => {
    const step = fc.oneof(fc.record({ put: fc.nat(60) }), fc.constant('drain' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const memory = openRing(BYTES);
        const [writer, reader] = [new SharedRing(memory), new SharedRing(memory)];
        const sent: string[] = [];
        const heard: string[] = [];
        const read = (): void => reader.drain((kind, frame) => heard.push(`${kind}:${frame.toString('latin1')}`));
        steps.forEach((one, n) => {
          if (one === 'drain') return read();
          const text = String.fromCharCode(97 + (n % 26)).repeat(one.put);
          if (writer.put(n, Buffer.from(text))) sent.push(`${n}:${text}`);
          // A frame of less than a third of the ring always fits into an empty one.
          else expect(writer.waiting).toBeGreaterThan(0);
        });
        read();
        expect(heard).toEqual(sent);
        expect(writer.room).toBe(BYTES);
      }),
    );
  });

  it('refuses what does not fit, and takes it once there is room', () => {
    const memory = openRing(BYTES);
    const [writer, reader] = [new SharedRing(memory), new SharedRing(memory)];
    let taken = 0;
    while (writer.put(1, Buffer.alloc(24))) taken += 1;
    expect(taken).toBe(8);
    reader.drain(() => undefined);
    expect(writer.put(1, Buffer.alloc(24))).toBe(true);
  });

  it('goes on past the wrap of its 32-bit positions', () => {
    const memory = openRing(BYTES);
    new Int32Array(memory, 0, 2).fill(0x7fff_ffc0);
    const [writer, reader] = [new SharedRing(memory), new SharedRing(memory)];
    for (let n = 0; n < 50; n += 1) {
      expect(writer.put(n, Buffer.from(`frame ${n}`))).toBe(true);
      const heard: string[] = [];
      reader.drain((kind, frame) => heard.push(`${kind} ${frame.toString()}`));
      expect(heard).toEqual([`${n} frame ${n}`]);
    }
  });

  it('wants a power of two', () => {
    expect(() => new SharedRing(openRing(100))).toThrow('power of two');
  });
});

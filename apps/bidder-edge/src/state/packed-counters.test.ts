import fc from 'fast-check';
import { packCounters, unpackCounters } from './packed-counters';

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const counter = fc.record({
  capKey: fc.constantFrom('campaign:c:60', 'creative:k|1:1440', 'advertiser:ä:43200'),
  low: word,
  high: word,
  pairs: fc.array(fc.nat(2 ** 40), { maxLength: 48 }),
});

describe('packed counters', () => {
  it('say what was packed', () => {
    fc.assert(
      fc.property(fc.constantFrom('cap' as const, 'exposure' as const), fc.array(counter), (of, counters) => {
        expect(unpackCounters(packCounters(of, counters))).toEqual({ of, counters });
      }),
    );
  });

  it('refuse bytes that are none', () => {
    expect(() => unpackCounters(Uint8Array.of(0xb1, 0))).toThrow('no packed counters');
    expect(() => unpackCounters(Uint8Array.of(0xb3, 7))).toThrow('unknown kind');
    expect(() => unpackCounters(Uint8Array.of(0xb3, 0, 1, 3, 0, 0, 0))).toThrow('no key at place 3');
  });
});

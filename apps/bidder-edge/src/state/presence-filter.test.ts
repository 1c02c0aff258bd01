import fc from 'fast-check';
import { PresenceFilter } from './presence-filter';

describe('PresenceFilter', () => {
  it('never denies what was added', () => {
    const pair = fc.tuple(fc.integer(), fc.integer());
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 200 }), (pairs) => {
        const filter = new PresenceFilter(10);
        for (const [a, b] of pairs) filter.add(a, b);
        for (const [a, b] of pairs) expect(filter.mayHave(a, b)).toBe(true);
        filter.clear();
        for (const [a, b] of pairs) expect(filter.mayHave(a, b)).toBe(false);
      }),
    );
  });

  it('takes at most one stranger in eight for known when it is as full as expected', () => {
    const entries = 20_000;
    const filter = new PresenceFilter(entries);
    for (let n = 0; n < entries; n += 1) filter.add(Math.imul(n, 0x01000193), n % 7);
    let known = 0;
    for (let n = 0; n < 20_000; n += 1) if (filter.mayHave(Math.imul(n + entries, 0x01000193), n % 7)) known += 1;
    expect(known / 20_000).toBeLessThan(0.125);
  });
});

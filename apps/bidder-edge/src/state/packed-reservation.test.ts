import fc from 'fast-check';
import { packReservation, unpackReservation } from './packed-reservation';

describe('a packed reservation', () => {
  it('is the one that was packed', () => {
    const text = fc.string({ maxLength: 40, unit: 'grapheme' });
    const reservation = fc.record({
      ...{ decisionId: text, exchange: text, campaignId: text, creativeId: text, grantId: text },
      arm: fc.constantFrom('champion' as const, 'canary' as const),
      priceNanos: fc.maxSafeNat(),
      userKey: fc.option(text, { nil: null }),
      capKeys: fc.array(text, { maxLength: 3 }),
      isExploratory: fc.boolean(),
      expiresAtMs: fc.maxSafeNat(),
    });
    fc.assert(fc.property(reservation, (one) => expect(unpackReservation(packReservation(one))).toEqual(one)));
  });

  it('cut short is refused', () => {
    const bytes = packReservation({
      ...{ decisionId: 'd', exchange: 'e', campaignId: 'c', creativeId: 'k', grantId: 'g', arm: 'champion' },
      ...{ priceNanos: 5, userKey: 'u', capKeys: ['a'], isExploratory: true, expiresAtMs: 9 },
    }).slice();
    for (let cut = 0; cut < bytes.length; cut += 1) expect(() => unpackReservation(bytes.subarray(0, cut))).toThrow();
  });
});

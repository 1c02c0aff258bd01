import fc from 'fast-check';
import {
  MAX_PRICE_MICROS,
  amountToBaseMicros,
  bidToCurrencyMicros,
  ceilMicros,
  divideHalfEven,
  floorMicros,
  floorToBaseMicros,
  paidToBaseMicros,
  parsePriceMicros,
  printMicros,
} from './index';

const fx = { base: 'USD', asOfMs: 0, rates: { EUR: 0.86, JPY: 155.3, GBP: 0.76 } };
const price = fc.integer({ min: 1, max: 1_000_000_000 });

describe('decimal prices', () => {
  it.each([
    ['0', 0],
    ['1', 1_000_000],
    ['0.53', 530_000],
    ['.5', 500_000],
    ['5.', 5_000_000],
    ['0.1234567', 123_456],
    ['9007.199254', 9_007_199_254],
  ])('parses %s exactly', (text, micros) => expect(parsePriceMicros(text)).toBe(micros));

  it.each(['', '.', '-1', '+1', '1e3', '${AUCTION_PRICE}', 'AUDIT', '1.2.3', ' 1', 'NaN', '9'.repeat(41), '1000001'])(
    'refuses %p',
    (text) => expect(parsePriceMicros(text)).toBeNull(),
  );

  it('prints what it parses', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_PRICE_MICROS }), (micros) => {
        expect(parsePriceMicros(printMicros(micros))).toBe(micros);
      }),
    );
  });
});

describe('floors', () => {
  it.each([
    [0.03, 30_000],
    [1.5, 1_500_000],
    [1e-5, 10],
    [0.0000001, 1],
    [0.1 + 0.2, 300_000],
    [0, 0],
    [-1, 0],
    [1e9, MAX_PRICE_MICROS],
    [1e308, MAX_PRICE_MICROS],
    [Number.NaN, 0],
  ])('%d units are %d micros', (units, micros) => expect(ceilMicros(units)).toBe(micros));

  it('a bid at the floor after FX is never below the floor in its own currency', () => {
    fc.assert(
      fc.property(price, fc.constantFrom('EUR', 'jpy', 'GBP', 'USD'), (floor, currency) => {
        const base = floorToBaseMicros(fx, currency, floor) ?? 0;
        expect(Number.isInteger(base)).toBe(true);
        expect(bidToCurrencyMicros(fx, currency, base)).toBeGreaterThanOrEqual(floor);
      }),
    );
  });

  it('does not know every currency', () => expect(floorToBaseMicros(fx, 'XXX', 1)).toBeNull());
});

describe('rounding', () => {
  it('floors values once and turns nonsense into 0', () => {
    expect([2.999, -1, Number.NaN, Number.POSITIVE_INFINITY].map(floorMicros)).toEqual([2, 0, 0, 0]);
  });

  it.each([
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-5n, 2n, -2n],
    [5n, -2n, -2n],
    [2500n, 1000n, 2n],
    [2501n, 1000n, 3n],
  ])('%d / %d is %d, half to even', (n, d, q) => expect(divideHalfEven(n, d)).toBe(q));

  it('is off by at most half', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
        fc.bigInt({ min: 1n, max: 10n ** 6n }),
        (n, d) => {
          const twice = 2n * (divideHalfEven(n, d) * d - n);
          expect(twice <= d && twice >= -d).toBe(true);
        },
      ),
    );
  });

  it('never overstates an amount and never understates a payment', () => {
    fc.assert(
      fc.property(price, (micros) => {
        expect(amountToBaseMicros(fx, 'EUR', micros) ?? 0).toBeLessThanOrEqual(micros / 0.86);
        expect(paidToBaseMicros(fx, 'EUR', micros) ?? 0).toBeGreaterThanOrEqual((micros / 0.86) * (1 - 1e-8));
      }),
    );
  });
});

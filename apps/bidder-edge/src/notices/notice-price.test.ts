import { readLossReason, readMinToWin, readNoticePrice } from './notice-price';

const fx = { base: 'USD', asOfMs: 0, rates: { EUR: 0.8 } };

describe('prices of notices', () => {
  it.each([
    ['1.25', 'USD', { kind: 'paid', micros: 1_250_000, wasClamped: false }],
    ['1.0', 'EUR', { kind: 'paid', micros: 1_250_000, wasClamped: false }],
    ['99', 'USD', { kind: 'paid', micros: 2_000_000, wasClamped: true }],
    ['', 'USD', { kind: 'absent', micros: 2_000_000 }],
    ['${AUCTION_PRICE}', 'USD', { kind: 'absent', micros: 2_000_000 }],
    ['AUDIT', 'USD', { kind: 'audit' }],
    ['-1', 'USD', { kind: 'malformed' }],
    ['1e9', 'USD', { kind: 'malformed' }],
    ['NaN', 'USD', { kind: 'malformed' }],
  ])('%p in %s', (text, currency, expected) => {
    expect(readNoticePrice(text, currency, 2_000_000, fx)).toEqual(expected);
  });

  it('charges the bid when the macro is missing altogether', () => {
    expect(readNoticePrice(null, 'USD', 7, fx)).toEqual({ kind: 'absent', micros: 7 });
  });

  it('reads a disclosed minimum and a loss reason, or null', () => {
    expect(readMinToWin('0.8', 'EUR', fx)).toBe(1_000_000);
    expect(readMinToWin('${AUCTION_MIN_TO_WIN}', 'USD', fx)).toBeNull();
    expect(readLossReason('102')).toBe(102);
    expect(readLossReason('x')).toBeNull();
  });
});

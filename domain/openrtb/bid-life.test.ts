import fc from 'fast-check';
import { bidLifeMs, DEFAULT_BID_LIFE, statedExpirySeconds } from './bid-life';

const HOUR_MS = 3_600_000;
const lifeOf = (expirySeconds: number, grantLeftMs = Infinity): number =>
  bidLifeMs(expirySeconds, grantLeftMs, DEFAULT_BID_LIFE);

describe('the life of a bid', () => {
  it('is the least one where the impression says nothing or asks for less', () => {
    expect([0, 1, 240].map((seconds) => lifeOf(seconds))).toEqual([300_000, 300_000, 300_000]);
  });

  it('covers what the impression may take and a minute for its bill', () => {
    expect([241, 300, 900].map((seconds) => lifeOf(seconds))).toEqual([360_000, 360_000, 1_080_000]);
    expect(statedExpirySeconds(900, lifeOf(900))).toBeNull();
  });

  it('ends after an hour, and the bid says so', () => {
    expect(lifeOf(86_400)).toBe(HOUR_MS);
    expect(statedExpirySeconds(86_400, HOUR_MS)).toBe(3540);
  });

  it('ends five minutes past the grant that pays, and the bid says so', () => {
    expect(lifeOf(3000, 600_000)).toBe(900_000);
    expect(statedExpirySeconds(3000, 900_000)).toBe(840);
    expect(lifeOf(3000, 1)).toBe(300_000);
  });

  it('keeps its limits, has few lengths, and is never promised for longer than it lasts', () => {
    const lengths = new Set<number>();
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(2 * HOUR_MS), (expirySeconds, grantLeftMs) => {
        const lifeMs = lifeOf(expirySeconds, grantLeftMs);
        lengths.add(lifeMs);
        expect(lifeMs).toBeGreaterThanOrEqual(300_000);
        expect(lifeMs).toBeLessThanOrEqual(Math.min(HOUR_MS, grantLeftMs + 300_000));
        const good = statedExpirySeconds(expirySeconds, lifeMs) ?? expirySeconds;
        expect(good * 1000).toBeLessThan(lifeMs);
      }),
    );
    expect(lengths.size).toBeLessThanOrEqual(21);
  });
});

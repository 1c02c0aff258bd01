import { Breaker, isFiniteLaw } from './breaker';

describe('Breaker', () => {
  it('opens after five faults in a row and tries once after 30 s', () => {
    const breaker = new Breaker();
    for (let i = 0; i < 4; i++) breaker.onFault(0);
    breaker.onSuccess();
    for (let i = 0; i < 5; i++) breaker.onFault(0);
    expect(breaker.isOpen).toBe(true);
    expect(breaker.allows(29_999)).toBe(false);
    expect(breaker.allows(30_000)).toBe(true);
    expect(breaker.allows(30_001)).toBe(false);
    breaker.onSuccess();
    expect(breaker.allows(30_002)).toBe(true);
    expect(breaker.trips).toBe(1);
  });
});

describe('isFiniteLaw', () => {
  it.each([
    [[1, 2], true],
    [[Number.NaN, 1], false],
    [[1, Infinity], false],
    [[1], false],
  ])('%p is %p', (law, ok) => {
    expect(isFiniteLaw(Float32Array.from(law), 1)).toBe(ok);
  });
});

import { Breaker, isLaw } from './breaker';

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

  it('opens at twenty faults among the last hundred runs, however they are spread, and forgets them after a good trial', () => {
    const breaker = new Breaker();
    const run = (fault: boolean) => (fault ? breaker.onFault(0) : breaker.onSuccess());
    // Every sixth run fails: at most 17 of a hundred.
    for (let i = 0; i < 1000; i++) run(i % 6 === 0);
    expect(breaker.isOpen).toBe(false);
    let runs = 0;
    while (!breaker.isOpen && runs < 200) run((runs += 1) % 4 === 0);
    expect(breaker.isOpen).toBe(true);
    expect(breaker.allows(30_000)).toBe(true);
    breaker.onSuccess();
    run(true);
    expect(breaker.isOpen).toBe(false);
    for (let i = 0; i < 18; i++) for (const fault of [false, true]) run(fault);
    expect(breaker.isOpen).toBe(false);
    for (const fault of [false, true]) run(fault);
    expect(breaker.isOpen).toBe(true);
    // A trial that fails keeps it open.
    expect(breaker.allows(60_000)).toBe(true);
    breaker.onFault(60_000);
    expect(breaker.allows(60_001)).toBe(false);
  });
});

describe('isLaw', () => {
  it.each([
    [[1, 2], true],
    [[Number.NaN, 1], false],
    [[1, Infinity], false],
    [[1], false],
    [[1e30, 1], false],
    [[-1e30, 1], false],
    [[1, 1e30], false],
    [[1, -0.5], false],
    [[1, 0], false],
    [[-99, 0.05], true],
  ])('%p is %p', (law, ok) => {
    expect(isLaw(Float32Array.from(law), 1)).toBe(ok);
  });
});

import { faultCode, retryDelayMs } from './redis-link';

describe('the link to a Redis', () => {
  it('tries again after longer and longer times, up to a bound, and never all edges at once', () => {
    const [soonest, latest] = [0, 1].map((random) => [0, 1, 5, 50].map((retries) => retryDelayMs(retries, random)));
    expect(soonest).toEqual([25, 50, 800, 1500]);
    expect(latest).toEqual([50, 100, 1600, 3000]);
  });

  it.each([
    [Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6379'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new Error('WRONGPASS invalid username-password pair'), 'WRONGPASS'],
    [new Error("OOM command not allowed when used memory > 'maxmemory'."), 'OOM'],
    [new RangeError('Socket closed unexpectedly'), 'RangeError'],
    [{}, 'UNKNOWN'],
  ])('names a fault by a short word: %s', (error, code) => expect(faultCode(error)).toBe(code));
});

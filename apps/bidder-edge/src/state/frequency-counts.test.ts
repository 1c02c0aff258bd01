import fc from 'fast-check';
import { COUNT_UNKNOWN, FrequencyCounts } from './frequency-counts';

const CAP = 'campaign:c:60';
const MINUTE = 60_000;

describe('FrequencyCounts', () => {
  it('counts reserved and confirmed exposures, and forgets them after the window', () => {
    const counts = new FrequencyCounts(10);
    expect(counts.reserve(CAP, 'u', 2, 0)).toBe(true);
    counts.confirm(CAP, 'u', 0, true);
    expect(counts.reserve(CAP, 'u', 2, 0)).toBe(true);
    expect(counts.reserve(CAP, 'u', 2, 0)).toBe(false);
    counts.release(CAP, 'u');
    expect(counts.count(CAP, 'u', 60 * MINUTE)).toBe(1);
    expect(counts.count(CAP, 'u', 61 * MINUTE)).toBe(0);
  });

  it('counts users apart', () => {
    const counts = new FrequencyCounts(10);
    counts.confirm(CAP, 'u', 0, false);
    expect(counts.count(CAP, 'v', 0)).toBe(0);
  });

  it('fails closed when there is no room for another user, and makes room when counters have passed', () => {
    const counts = new FrequencyCounts(1);
    counts.confirm(CAP, 'u', 0, false);
    expect(counts.count(CAP, 'v', 1000)).toBe(COUNT_UNKNOWN);
    expect(counts.reserve(CAP, 'v', 1, 1000)).toBe(false);
    expect(counts.reserve(CAP, 'u', 2, 1000)).toBe(true);
    counts.release(CAP, 'u');
    expect(counts.count(CAP, 'v', 120 * MINUTE)).toBe(0);
  });

  it('never lets more impressions into any sliding window than the cap allows', () => {
    const event = fc.record({ gapMs: fc.integer({ min: 0, max: 20 * MINUTE }), bills: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), fc.integer({ min: 1, max: 4 }), (events, cap) => {
        const counts = new FrequencyCounts(10);
        const shown: number[] = [];
        let now = 0;
        for (const { gapMs, bills } of events) {
          now += gapMs;
          if (!counts.reserve(CAP, 'u', cap, now)) continue;
          if (bills) {
            counts.confirm(CAP, 'u', now, true);
            shown.push(now);
          } else counts.release(CAP, 'u');
        }
        for (const at of shown)
          expect(shown.filter((other) => other > at - 60 * MINUTE && other <= at).length).toBeLessThanOrEqual(cap);
      }),
    );
  });
});

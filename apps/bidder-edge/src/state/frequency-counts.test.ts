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
    expect(counts.count(CAP, 'u', 63 * MINUTE)).toBe(0);
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

  it('makes room a stretch of entries at a time, and never for an entry that still counts', () => {
    const entries = 20_000;
    const counts = new FrequencyCounts(entries);
    const user = (n: number): string => n.toString(16).padStart(16, '0');
    for (let n = 0; n < entries; n += 1) counts.confirm(CAP, user(n), n % 2 === 0 ? 0 : 100 * MINUTE, false);
    let refused = 0;
    for (let n = 0; n < 6000; n += 1) {
      if (counts.reserve(CAP, user(entries + n), 1, 120 * MINUTE)) continue;
      refused += 1;
    }
    expect(refused).toBe(0);
    expect(counts.size).toBeLessThanOrEqual(entries);
    for (let n = 1; n < entries; n += 2) expect(counts.count(CAP, user(n), 120 * MINUTE)).toBe(1);
  });

  it('is the same out of a checkpoint', () => {
    const event = fc.record({ user: fc.nat(5), atMs: fc.nat(90 * MINUTE), cap: fc.nat(2) });
    const caps = ['campaign:c:60', 'creative:k|1:1440', 'advertiser:a:43200'];
    const user = (n: number): string => `${'f'.repeat(8)}${n.toString(16).padStart(8, '0')}`;
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const counts = new FrequencyCounts(100);
        for (const { user: n, atMs, cap } of events) counts.confirm(caps[cap], user(n), atMs, false);
        const again = new FrequencyCounts(100);
        for (const counter of counts.dump(90 * MINUTE)) again.load(counter);
        for (const cap of caps)
          for (let n = 0; n <= 5; n += 1)
            for (const nowMs of [90 * MINUTE, 100 * MINUTE, 140 * MINUTE])
              expect(again.count(cap, user(n), nowMs)).toBe(counts.count(cap, user(n), nowMs));
      }),
    );
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

import { isFrozen, releaseHold, type Freeze } from './release-hold';

const HOUR = 3_600_000;
const monday = Date.UTC(2026, 10, 23);
const freeze = (change: Partial<Freeze> = {}): Freeze => ({
  freezeId: 'frz_1',
  name: 'holidays',
  fromMs: monday,
  untilMs: monday + 14 * 24 * HOUR,
  timeZone: 'UTC',
  hoursOfWeek: [],
  ...change,
});
/** Friday 18:00 to Monday 00:00, local time. */
const weekend = Array.from({ length: 54 }, (_, n) => 4 * 24 + 18 + n);

describe('release holds', () => {
  it('freezes from its first to before its last moment', () => {
    const at = [monday - 1, monday, monday + 14 * 24 * HOUR - 1, monday + 14 * 24 * HOUR];
    expect(at.map((nowMs) => isFrozen(freeze(), nowMs))).toEqual([false, true, true, false]);
  });

  it('freezes named hours of the week in its own zone', () => {
    const berlin = freeze({ timeZone: 'Europe/Berlin', hoursOfWeek: weekend });
    const friday = monday + 4 * 24 * HOUR;
    // 18:00 in Berlin is 17:00 UTC in winter.
    expect(isFrozen(berlin, friday + 17 * HOUR - 1)).toBe(false);
    expect(isFrozen(berlin, friday + 17 * HOUR)).toBe(true);
    expect(isFrozen(berlin, monday + 7 * 24 * HOUR - HOUR)).toBe(false);
  });

  it('says why, the stopped line first, and null when nothing holds', () => {
    const line = { stoppedBy: 'olga', reason: 'spend looks wrong' };
    expect(releaseHold(line, [freeze()], monday)).toBe('the line is stopped by olga: spend looks wrong');
    expect(releaseHold(null, [freeze()], monday)).toBe('freeze "holidays" until 2026-12-07T00:00:00.000Z');
    expect(releaseHold(null, [freeze()], monday - 1)).toBeNull();
    expect(releaseHold(null, [], monday)).toBeNull();
  });
});

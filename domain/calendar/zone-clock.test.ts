import { ZoneClock } from './zone-clock';

describe('ZoneClock', () => {
  it.each([
    ['UTC', Date.UTC(2026, 10, 24, 12, 34, 56), { hourOfWeek: 36, weekday: 1, hour: 12, day: '2026-11-24' }],
    ['Europe/Berlin', Date.UTC(2026, 10, 22, 23, 30), { hourOfWeek: 0, weekday: 0, hour: 0, day: '2026-11-23' }],
    ['America/New_York', Date.UTC(2026, 6, 1, 3, 59), { weekday: 1, hour: 23, day: '2026-06-30' }],
    ['Asia/Kathmandu', Date.UTC(2026, 0, 1, 18, 15), { weekday: 4, hour: 0, day: '2026-01-02' }],
  ])('%s at %d', (zone, nowMs, expected) => expect(new ZoneClock(zone).at(nowMs)).toMatchObject(expected));

  it('counts milliseconds into the local hour also in zones off by three quarters', () => {
    const clock = new ZoneClock('Asia/Kathmandu');
    expect(clock.at(Date.UTC(2026, 0, 1, 18, 20, 30)).msIntoHour).toBe(330_000);
    expect(clock.at(Date.UTC(2026, 0, 1, 18, 29, 59, 999)).msIntoHour).toBe(899_999);
  });

  it('skips the hour that summer time takes', () => {
    const clock = new ZoneClock('Europe/Berlin');
    const before = clock.at(Date.UTC(2026, 2, 29, 0, 59)).hour;
    const after = clock.at(Date.UTC(2026, 2, 29, 1, 0)).hour;
    expect([before, after]).toEqual([1, 3]);
  });

  it('refuses an unknown zone', () => expect(() => new ZoneClock('Mars/Base')).toThrow(RangeError));
});

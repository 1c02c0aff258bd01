import { morningZone } from './local-morning';

test('it is six in the morning there, at every hour of the day', () => {
  for (let hour = 0; hour < 24; hour++) {
    const nowMs = Date.UTC(2026, 10, 27, hour, 30);
    const local = new Intl.DateTimeFormat('en-GB', { timeZone: morningZone(nowMs), hour: '2-digit', hourCycle: 'h23' });
    expect([hour, local.format(nowMs)]).toEqual([hour, '06']);
  }
});

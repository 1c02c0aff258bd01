import { hourOfWeek, requestsByHourOfWeek, windowRowLine } from './win-window';

describe('training windows', () => {
  it('counts requests per hour of week from Monday 00:00 UTC', () => {
    const monday = Date.UTC(2026, 10, 23);
    expect(hourOfWeek(monday)).toBe(0);
    expect(hourOfWeek(monday - 1)).toBe(167);
    const counts = requestsByHourOfWeek([
      { hourMs: monday, requests: 3 },
      { hourMs: monday + 7 * 86_400_000, requests: 4 },
    ]);
    expect(counts[0]).toBe(7);
    expect(counts.reduce((sum, count) => sum + count)).toBe(7);
  });

  it('writes a row as one unambiguous line', () => {
    const row = {
      decisionId: 'a"b',
      decidedAtMs: 1,
      bidMicros: 2,
      won: true,
      minToWinMicros: null,
      features: [0.5, -1e-7],
      userKey: 'u',
      clicked: false,
      noticeAtMs: 9,
      gridMass: null,
    };
    expect(windowRowLine(row, 1)).toBe('["a\\"b",1,2,1,null,[0.5,-1e-7]]\n');
    expect(windowRowLine(row, 2)).toBe('["a\\"b",1,2,1,null,[0.5,-1e-7],"u",0,9,null]\n');
  });
});

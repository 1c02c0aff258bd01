import { LiveCounters } from './live-counters';

describe('LiveCounters', () => {
  it('settles at the true request rate and decays with 10 s', () => {
    const live = new LiveCounters();
    for (let ms = 0; ms < 100_000; ms += 20) live.onRequest(ms);
    expect(live.requestRate(100_000)).toBeCloseTo(50, 0);
    expect(live.requestRate(110_000)).toBeCloseTo(50 / Math.E, 0);
  });

  it('keeps win rates of arms and exchanges apart', () => {
    const live = new LiveCounters();
    for (let i = 0; i < 100; i++) {
      live.onBid('champion', 'demo', i);
      if (i % 4 === 0) live.onWin('champion', 'demo', i);
    }
    expect(live.winRate('champion', 'demo', 100)).toBeCloseTo(0.25, 2);
    expect(live.winRate('canary', 'demo', 100)).toBe(0);
  });
});

import { CampaignCounts } from './campaign-counts';

describe('counts per campaign', () => {
  it('ranks reasons by the last minutes, then by everything since the start', () => {
    const counts = new CampaignCounts();
    for (let n = 0; n < 5; n += 1) counts.refused('c1', 'geo');
    counts.roll();
    counts.roll();
    counts.refused('c1', 'throttled');
    counts.refused('c1', 'frequency-cap');
    counts.refused('c1', 'frequency-cap');
    counts.survived('c1');
    counts.bid('c1');
    expect(counts.of('c1')).toEqual({
      reasons: [
        { reason: 'frequency-cap', recent: 2, total: 2 },
        { reason: 'throttled', recent: 1, total: 1 },
        { reason: 'geo', recent: 0, total: 5 },
      ],
      survived: { recent: 1, total: 1 },
      bids: { recent: 1, total: 1 },
    });
    expect(counts.of('c2').reasons).toEqual([]);
  });

  it('keeps the window before the current one', () => {
    const counts = new CampaignCounts();
    counts.bid('c1');
    counts.roll();
    counts.bid('c1');
    expect(counts.of('c1').bids).toEqual({ recent: 2, total: 2 });
    counts.roll();
    expect(counts.of('c1').bids).toEqual({ recent: 1, total: 2 });
  });

  it('prints refusals with their stage, and bounds the lines without losing a count', () => {
    const counts = new CampaignCounts();
    counts.refused('a"b', 'throttled');
    expect(counts.print()).toContain(
      'adloop_edge_filtered_total{campaign="a\\"b",stage="decide",reason="throttled"} 1',
    );
    for (let n = 0; n < 25_000; n += 1) counts.refused(`c${n}`, 'geo');
    const lines = counts.print().split('\n').slice(2);
    expect(lines.length).toBeLessThan(2010);
    expect(lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(25_001);
    expect(lines.filter((line) => line.includes('campaign="other"'))).toHaveLength(1);
  });
});

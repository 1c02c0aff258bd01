import { Counter } from './counters';
import { LatencyHistogram } from './latency-histogram';

describe('metrics', () => {
  it('prints counters with escaped labels', () => {
    const counter = new Counter('x_total', 'Things.', ['reason']);
    counter.add(2, 'a"b');
    expect(counter.print()).toBe('# HELP x_total Things.\n# TYPE x_total counter\nx_total{reason="a\\"b"} 2');
  });

  it('bounds the number of series without losing counts', () => {
    const counter = new Counter('x_total', 'Things.', ['id']);
    for (let i = 0; i < 3000; i++) counter.add(1, `c${i}`);
    expect(counter.total).toBe(3000);
    expect(counter.print().split('\n').length).toBeLessThan(2010);
  });

  it('prints a cumulative histogram', () => {
    const histogram = new LatencyHistogram('l_seconds', 'Latency.');
    for (const seconds of [0.00004, 0.0003, 9]) histogram.observe(seconds);
    expect(histogram.quantile(0.5)).toBe(0.0005);
    expect(histogram.print()).toContain('l_seconds_bucket{le="0.5"} 2');
    expect(histogram.print()).toContain('l_seconds_count 3');
  });
});

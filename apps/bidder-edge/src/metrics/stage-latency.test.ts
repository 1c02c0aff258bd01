import { StageLatency } from './stage-latency';

const stages = (decode: number) => ({ decode, match: 1, infer: 2, decide: 3, respond: 4 });

describe('latency of the stations', () => {
  it('has HDR quantiles of the last two windows and buckets since the start', () => {
    const latency = new StageLatency();
    for (let n = 0; n < 99; n += 1) latency.observe(stages(100));
    latency.observe(stages(7000));
    const decode = () => latency.quantiles()[0];
    expect(decode()).toMatchObject({ stage: 'decode', count: 100, p50: 100, p99: 100 });
    expect(decode()?.p999).toBeGreaterThanOrEqual(6930);
    latency.roll();
    expect(decode()).toMatchObject({ count: 100 });
    latency.roll();
    expect(decode()).toEqual({ stage: 'decode', count: 0, p50: 0, p99: 0, p999: 0, max: 0 });
    const text = latency.print();
    expect(text).toContain('adloop_edge_stage_seconds_bucket{stage="decode",le="0.0001"} 99');
    expect(text).toContain('adloop_edge_stage_seconds_count{stage="decode"} 100');
    expect(text).toContain('adloop_edge_stage_seconds_bucket{stage="match",le="0.000005"} 100');
  });

  it('takes nothing, parts of microseconds and minutes', () => {
    const latency = new StageLatency();
    for (const seconds of [0, 0.0000004, 3600]) latency.observeTotal(seconds);
    expect(latency.quantiles()[5]).toMatchObject({ stage: 'total', count: 3, p50: 1 });
    expect(latency.print()).toContain('adloop_edge_stage_seconds_bucket{stage="total",le="+Inf"} 3');
  });
});

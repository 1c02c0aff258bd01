import type { ShadowCalibration, ShadowPairs } from '#domain/rollout/shadow-pairs';
import type { ShadowSummary } from '../../activities/rollout-activities';
import { judgeShadow, judgeShadowAlone } from './shadow-verdict';

const stage = {
  kind: 'shadow' as const,
  shareBps: 1000,
  holdSeconds: 2,
  minPrimaryEvents: 0,
  minDecisions: 200,
  maxSeconds: 120,
  approval: true,
};

const calibration = (verdict: ShadowCalibration['verdict'], n = 900): ShadowCalibration => ({
  verdict,
  n,
  predictedWinShare: 0.3,
  observedWinShare: 0.28,
  candidate: {
    ratio: { mean: 0.93, standardError: 0.03, lower: 0.87, upper: 0.99 },
    difference: { mean: -0.02, standardError: 0.01, lower: -0.04, upper: 0 },
  },
  champion: null,
  ece: 0.04,
});

function summary(change: Partial<ShadowSummary> = {}, pairs: Partial<ShadowPairs> = {}): ShadowSummary {
  return {
    n: 1000,
    errors: 0,
    outOfBounds: 0,
    latencyUsP99: 400,
    meanBidRatio: 1.1,
    meanSurplusDifferenceMicros: 5,
    surplusStandardErrorMicros: 1,
    pairs: {
      n: 1000,
      users: 300,
      bidRatio: { mean: 0.1, standardError: 0.01, lower: 0.08, upper: 0.12 },
      surplusMicros: { mean: -5, standardError: 1, lower: -7, upper: -3 },
      latency: { n: 1000, championUsP99: 380, budgetUs: 10_000, overBudget: 0 },
      calibration: null,
      ...pairs,
    },
    ...change,
  };
}

const busy = (latencyUsP99: number, overBudget: number, championUsP99 = 40_000) =>
  summary(
    { latencyUsP99 },
    { latency: { n: 1000, championUsP99, budgetUs: Math.max(10_000, 1.5 * championUsP99), overBudget } },
  );

describe('verdict on a shadow', () => {
  it('shows the paired differences with their intervals and judges health alone', () => {
    const evidence = judgeShadow(summary({}, { calibration: calibration('within') }), stage, false);
    expect(evidence.verdict).toBe('pass');
    expect(evidence.reason).toContain('1000 pairs of 300 users: bid 10.00 % (95 %: 8.00 % to 12.00 %)');
    expect(evidence.reason).toContain('expected surplus -5 micros (95 %: -7 micros to -3 micros)');
    expect(evidence.reason).toContain(
      'calibration within on 900 mature bids: predicted 30.0 %, won 28.0 %, won per predicted 0.930 (95 %: 0.870 to 0.990), ECE 4.0 %',
    );
    const other = judgeShadow(summary({}, { calibration: calibration('within', 901) }), stage, false);
    expect(other.digest).not.toBe(evidence.digest);
  });

  it('passes a candidate that is as slow as the champion on the same busy machine', () => {
    expect(judgeShadow(busy(47_000, 4), stage, false).verdict).toBe('pass');
    expect(judgeShadowAlone(busy(47_000, 4), stage, false)).toMatchObject({ verdict: 'fail' });
  });

  it('fails one that is slower than the champion by more than half', () => {
    const { verdict, reason } = judgeShadow(busy(80_000, 60), stage, false);
    expect([verdict, reason.slice(0, 9)]).toEqual(['fail', 'too slow:']);
    expect(reason).toContain("the champion's p99 40000 µs on the same requests, budget 60000 µs");
  });

  it('collects more while chance explains the slowness, to the end of the stage', () => {
    expect(judgeShadow(busy(61_000, 11), stage, false).verdict).toBe('continue');
    expect(judgeShadow(busy(61_000, 11), stage, true).verdict).toBe('fail');
  });

  it.each([
    ['beyond', 'fail'],
    ['within', 'pass'],
    ['no-data', 'pass'],
  ] as const)('of a calibration that is %s is %s', (found, verdict) => {
    const evidence = judgeShadow(summary({}, { calibration: calibration(found) }), stage, false);
    expect(evidence.verdict).toBe(verdict);
    expect(evidence.reason).toContain(`calibration ${found}`);
  });

  it('counts faults first and never passes on too little', () => {
    expect(judgeShadow(summary({ errors: 11 }), stage, false).reason).toMatch(/^too many faults/);
    expect(judgeShadow(summary({ n: 199 }), stage, false).verdict).toBe('continue');
    expect(judgeShadow(summary({ n: 199 }), stage, true).verdict).toBe('no-data');
  });

  it('judges a summary without pairs as before there were any', () => {
    const { pairs: _pairs, ...old } = summary({ latencyUsP99: 12_000 });
    expect(judgeShadow(old, stage, false)).toEqual(judgeShadowAlone(old, stage, false));
    expect(judgeShadow(old, stage, false).reason).toBe(
      "too slow: 1000 decisions, 0 errors, 0 out of bounds, p99 12000 µs, bids at 1.100 of the champion's",
    );
  });
});

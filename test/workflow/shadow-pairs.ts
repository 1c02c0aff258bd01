import type { ShadowCalibration } from '#domain/rollout/shadow-pairs';
import type { ShadowSummary } from '../../activities/rollout-activities';

/** A summary in pairs: the champion's p99, the candidate's, and what the calibration found. */
export function shadowInPairs(
  latencyUsP99: number,
  overBudget: number,
  found: ShadowCalibration['verdict'] = 'within',
): Partial<ShadowSummary> {
  const share = { mean: 0.1, standardError: 0.01, lower: 0.08, upper: 0.12 };
  const [n, championUsP99, budgetUs] = [500, 20_000, 30_000];
  return {
    latencyUsP99,
    pairs: {
      n,
      users: 200,
      bidRatio: share,
      surplusMicros: share,
      latency: { n, championUsP99, budgetUs, overBudget },
      calibration: {
        verdict: found,
        n: 400,
        predictedWinShare: 0.3,
        observedWinShare: 0.3,
        candidate: { ratio: share, difference: share },
        champion: null,
        ece: 0.02,
      },
    },
  };
}

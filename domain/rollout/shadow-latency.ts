import type { ShadowLatency } from './shadow-pairs';

/** A model stage this fast is never too slow, microseconds (a tenth of a 120 ms tmax less network). */
export const ABSOLUTE_BUDGET_US = 10_000;
/** Beyond it, the candidate's p99 may be so many times the champion's on the same requests. */
const CHAMPION_FACTOR = 1.5;
/** Pairs from which a 99th percentile says anything. */
const MIN_PAIRS = 100;
/** Share of decisions that may take longer than the budget: what "p99" means. */
const OVER_SHARE = 0.01;
/** Normal quantile of a two-sided 95 % interval. */
const Z = 1.959963984540054;

/** What the candidate's p99 may be, microseconds: a busy machine slows both, so the champion's own p99 raises the bar. */
export const latencyBudgetUs = (championUsP99: number): number =>
  Math.max(ABSOLUTE_BUDGET_US, CHAMPION_FACTOR * championUsP99);

/** `in-doubt`: the p99 is over the budget, but so few decisions are that chance explains it. */
export type LatencyFinding = 'within' | 'in-doubt' | 'too-slow';

/** Judges p99 against the budget; without enough pairs `in-doubt` at worst. */
export function judgeLatency(latencyUsP99: number, { n, budgetUs, overBudget }: ShadowLatency): LatencyFinding {
  if (latencyUsP99 <= budgetUs) return 'within';
  return n >= MIN_PAIRS && wilsonLower(overBudget, n) > OVER_SHARE ? 'too-slow' : 'in-doubt';
}

/** Lower end of Wilson's 95 % interval of a share (Wilson 1927). */
function wilsonLower(count: number, n: number): number {
  const share = count / n;
  const centre = share + (Z * Z) / (2 * n);
  const half = Z * Math.sqrt((share * (1 - share)) / n + (Z * Z) / (4 * n * n));
  return (centre - half) / (1 + (Z * Z) / n);
}

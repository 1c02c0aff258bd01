/**
 * Local reward of one tick: value won less w_pace · (pacing error as a share of the plan)² in units of the day's value; at the end
 * of the day value is discounted by min(1, (CPA target/CPA)^β) (agents.md, "Global objective and local rewards").
 */
export function budgetReward(valueWon: number, pacingErrorShare: number, dayValue: number, wPace: number): number {
  return valueWon - wPace * pacingErrorShare * pacingErrorShare * dayValue;
}

/** Terminal factor min(1, (CPA target/CPA)^β); 1 without conversions to judge by. */
export function cpaFactor(targetMicros: number, cpaMicros: number, beta: number): number {
  return cpaMicros > 0 ? Math.min(1, Math.pow(targetMicros / cpaMicros, beta)) : 1;
}

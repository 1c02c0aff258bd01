/** Hours of a week; index 0 is Monday 00:00. */
export const HOURS_OF_WEEK = 168;

/**
 * Shares of a week's traffic by hour of week from request counts, the clock of the Budget agent. Each hour keeps a prior of
 * the mean hour, so that an hour without data is not an hour without traffic.
 * @param priorRequests pseudo-requests per hour; default one percent of the observed mean, at least 1
 */
export function fitTrafficShares(requestsByHour: readonly number[], priorRequests?: number): number[] {
  const counts = Array.from({ length: HOURS_OF_WEEK }, (_, hour) => Math.max(0, requestsByHour[hour] ?? 0));
  const observed = counts.filter((count) => count > 0);
  const mean = observed.length === 0 ? 1 : observed.reduce((sum, count) => sum + count, 0) / observed.length;
  const prior = priorRequests ?? Math.max(1, mean / 100);
  // Hours never seen take the mean of the hours that were: a window of minutes says nothing about the rest of the week.
  const filled = counts.map((count) => (count > 0 ? count : mean) + prior);
  const total = filled.reduce((sum, count) => sum + count, 0);
  return filled.map((count) => count / total);
}

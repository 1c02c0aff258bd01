/** What the simulator saw, counted; served on its control port. */
export interface SimulatorStats {
  sent: number;
  bids: number;
  noBids: number;
  badStatuses: number;
  /** No answer: refused or reset connections and time-outs. */
  failures: number;
  /** Requests that were due but not sent because too many were under way. */
  shed: number;
  /** Answers that came after tmax. */
  late: number;
  wins: number;
  losses: number;
  acknowledged: Record<string, number>;
  unacknowledged: Record<string, number>;
  spendNanos: number;
}

export const newStats = (): SimulatorStats => ({
  sent: 0,
  bids: 0,
  noBids: 0,
  badStatuses: 0,
  failures: 0,
  shed: 0,
  late: 0,
  wins: 0,
  losses: 0,
  acknowledged: {},
  unacknowledged: {},
  spendNanos: 0,
});

/** Context-free probabilities and a reward model over a table of actions × positions, stored row by row. */
export interface ActionTable {
  actions: number;
  positions: number;
  /** value[action * positions + position]. */
  values: Float64Array;
}

/** A bandit log over a table: one row per impression, indices 0-based. */
export interface TabularLog {
  actions: number;
  positions: number;
  action: Int32Array;
  position: Int32Array;
  reward: Float64Array;
  /** Propensity of the logged action at its position. */
  propensity: Float64Array;
}

/** Pseudo-counts of the smoothed click rate: (clicks + 1) / (n + 200), i.e. a prior rate of 0.5 %. */
export const SMOOTHING = { clicks: 1, shows: 200 } as const;

/** Reward model q(a, pos) = (clicks + 1) / (shows + 200), fitted on the log itself; cells never shown get the prior. */
export function smoothedRewards(log: TabularLog): ActionTable {
  const cells = log.actions * log.positions;
  const clicks = new Float64Array(cells);
  const shows = shownCounts(log);
  for (let row = 0; row < log.action.length; row++) clicks[cellOf(log, row)]! += log.reward[row]!;
  const values = clicks.map((count, cell) => (count + SMOOTHING.clicks) / (shows[cell]! + SMOOTHING.shows));
  return { actions: log.actions, positions: log.positions, values };
}

/** The policy that takes every action alike. */
export const uniformPolicy = (actions: number, positions: number): ActionTable => ({
  actions,
  positions,
  values: new Float64Array(actions * positions).fill(1 / actions),
});

/** Expected reward of a policy per position: Σ_a policy(a | pos)·q(a, pos). */
export function expectedRewards(policy: ActionTable, rewards: ActionTable): Float64Array {
  const expected = new Float64Array(policy.positions);
  for (let action = 0; action < policy.actions; action++)
    for (let position = 0; position < policy.positions; position++) {
      const cell = action * policy.positions + position;
      expected[position]! += policy.values[cell]! * rewards.values[cell]!;
    }
  return expected;
}

/** Index of a row's (action, position) in a table. */
export const cellOf = (log: TabularLog, row: number): number => log.action[row]! * log.positions + log.position[row]!;

/** How often the log shows each cell. */
export function shownCounts(log: TabularLog): Float64Array {
  const shows = new Float64Array(log.actions * log.positions);
  for (let row = 0; row < log.action.length; row++) shows[cellOf(log, row)]! += 1;
  return shows;
}

/**
 * Share of the evaluated policy's probability, averaged over the log's positions, on cells the log never shows: their
 * logged propensity is taken as 0. Chance alone leaves few such cells once a position has several rows per action.
 */
export function unsupportedShare(log: TabularLog, evaluated: ActionTable): number {
  const shows = shownCounts(log);
  const perPosition = new Float64Array(log.positions);
  for (const position of log.position) perPosition[position]! += 1;
  let share = 0;
  for (let cell = 0; cell < shows.length; cell++)
    if (shows[cell] === 0) share += evaluated.values[cell]! * perPosition[cell % log.positions]!;
  return share / log.action.length;
}

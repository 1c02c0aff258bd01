/** Columns of a bandit log with what the evaluated policy and a reward model say about each row; all of one length n. */
export interface FeedbackColumns {
  /** Reward of the logged action. */
  reward: ArrayLike<number>;
  /** Probability with which the logging policy took the logged action, (0, 1]; 0 only where `evaluated` is 0 too. */
  logged: ArrayLike<number>;
  /** Probability with which the evaluated policy takes the logged action, [0, 1]. */
  evaluated: ArrayLike<number>;
  /** Reward model at the logged action. */
  modelled: ArrayLike<number>;
  /** Expected reward of the evaluated policy under the reward model, per row. */
  expected: ArrayLike<number>;
}

/** A fault in logged data: which row, which column, why. */
export class LoggedFeedbackError extends Error {
  override readonly name = 'LoggedFeedbackError';
  constructor(
    readonly code: 'EMPTY_LOG' | 'COLUMN_LENGTHS' | 'BAD_NUMBER' | 'MISSING_SUPPORT',
    message: string,
  ) {
    super(message);
  }
}

/** Logged bandit feedback, checked once at construction; estimators may then trust it. */
export class LoggedFeedback {
  readonly n: number;
  readonly reward: Float64Array;
  /** w = evaluated / logged. */
  readonly weight: Float64Array;
  readonly modelled: Float64Array;
  readonly expected: Float64Array;

  /** @throws LoggedFeedbackError on no rows, different lengths, a number out of range, or a taken action of propensity 0 */
  constructor(columns: FeedbackColumns) {
    const n = columns.reward.length;
    if (n === 0) throw new LoggedFeedbackError('EMPTY_LOG', 'the log has no rows');
    for (const [name, column] of Object.entries(columns) as [string, ArrayLike<number>][])
      if (column.length !== n)
        throw new LoggedFeedbackError('COLUMN_LENGTHS', `column ${name} has ${column.length} rows, reward has ${n}`);
    this.n = n;
    this.reward = checked('reward', columns.reward, -Infinity, Infinity);
    this.modelled = checked('modelled', columns.modelled, -Infinity, Infinity);
    this.expected = checked('expected', columns.expected, -Infinity, Infinity);
    const logged = checked('logged', columns.logged, 0, 1);
    const evaluated = checked('evaluated', columns.evaluated, 0, 1);
    this.weight = new Float64Array(n);
    for (let row = 0; row < n; row++) this.weight[row] = weightOf(evaluated[row]!, logged[row]!, row);
  }
}

function weightOf(evaluated: number, logged: number, row: number): number {
  if (evaluated === 0) return 0;
  if (logged > 0) return evaluated / logged;
  throw new LoggedFeedbackError(
    'MISSING_SUPPORT',
    `row ${row}: the evaluated policy takes the action with probability ${evaluated}, its logged propensity is 0`,
  );
}

function checked(name: string, column: ArrayLike<number>, low: number, high: number): Float64Array {
  const copy = Float64Array.from(column);
  for (let row = 0; row < copy.length; row++) {
    const value = copy[row]!;
    if (!Number.isFinite(value) || value < low || value > high)
      throw new LoggedFeedbackError('BAD_NUMBER', `row ${row}: ${name} is ${value}, allowed ${low} to ${high}`);
  }
  return copy;
}

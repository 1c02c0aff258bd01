/** Exit codes of `evaluate`, those of the CLI: 2 usage or bad data, 3 not found, 6 gate failed. 1 = numbers differ, no fault. */
export type EvaluateExit = 2 | 3 | 6;

/** Stable codes of `evaluate`. */
export type EvaluateCode =
  | 'USAGE'
  | 'DATA_DIR_NOT_FOUND'
  | 'CAMPAIGN_NOT_FOUND'
  | 'LOG_NOT_FOUND'
  | 'POLICY_NOT_FOUND'
  | 'FILE_UNREADABLE'
  | 'FILE_NOT_FOUND'
  | 'NOT_AN_ORACLE'
  | 'BAD_CASE'
  | 'MISSING_COLUMN'
  | 'BAD_NUMBER'
  | 'BAD_ROW'
  | 'BAD_DISTRIBUTION'
  | 'EMPTY_LOG'
  | 'INSUFFICIENT_OVERLAP';

/** An expected failure: what happened, why, and which command to try next. */
export class EvaluateFault extends Error {
  override readonly name = 'EvaluateFault';
  constructor(
    readonly code: EvaluateCode,
    readonly exit: EvaluateExit,
    /** One line: what. */
    readonly title: string,
    /** Why, with file, line and value. */
    readonly detail: string,
    /** A command or action that helps. */
    readonly next: string,
  ) {
    super(`${title}: ${detail}`);
  }
}

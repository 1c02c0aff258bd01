/** Why nothing can be learned from the data at hand; permanent, so never retried. The champion stays. */
export type LearningErrorCode = 'EMPTY_WINDOW' | 'ONE_CLASS' | 'TOO_FEW_ROWS' | 'NAN_LOSS' | 'BAD_ROW';

export class LearningError extends Error {
  constructor(
    readonly code: LearningErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'LearningError';
  }
}

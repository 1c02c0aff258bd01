import { ApplicationFailure } from '@temporalio/activity';

/** An activity failure whose `type` is a code of the error catalogue and which no retry can heal; `details` travel with it. */
export function permanent(code: string, message: string, details?: unknown[]): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details });
}

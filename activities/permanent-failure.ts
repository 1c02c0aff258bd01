import { ApplicationFailure } from '@temporalio/activity';

/** An activity failure whose `type` is a code of the error catalogue and which no retry can heal. */
export function permanent(code: string, message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: code, message, nonRetryable: true });
}

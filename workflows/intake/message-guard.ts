/**
 * Interceptors between Temporal and every workflow: what does not fit its contract never reaches a handler. Without them an error
 * inside a signal's handler or at a start fails the workflow task, which Temporal repeats for ever, and the workflow stands still.
 */
import { ApplicationFailure, log, workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { SIGNAL_SHAPES, START_SHAPES, UPDATE_SHAPES } from './message-shapes';
import { isUnreadable } from './payload-converter';
import type { Shape } from './shape';

/** Why the first argument is refused, or null; names without a shape are the SDK's to answer. */
function faultOf(shapes: Readonly<Record<string, Shape>>, name: string, args: readonly unknown[]): string | null {
  const [value] = args;
  if (isUnreadable(value)) return `${name}: the payload cannot be read`;
  const fault = Object.hasOwn(shapes, name) ? shapes[name](value, '') : null;
  return fault === null ? null : `${name}: ${fault}`;
}

export const interceptors = (): WorkflowInterceptors => ({
  inbound: [
    {
      async execute(input, next) {
        const fault = faultOf(START_SHAPES, workflowInfo().workflowType, input.args);
        // Ends the workflow: nothing has been done that would have to be undone.
        if (fault !== null) throw ApplicationFailure.nonRetryable(fault, 'INVALID_INPUT');
        return next(input);
      },
      validateUpdate(input, next) {
        const fault = faultOf(UPDATE_SHAPES, input.name, input.args);
        if (fault !== null) throw ApplicationFailure.nonRetryable(fault, 'INVALID_MESSAGE');
        next(input);
      },
      async handleSignal(input, next) {
        const fault = faultOf(SIGNAL_SHAPES, input.signalName, input.args);
        if (fault === null) return next(input);
        // A signal has nobody to answer to: it is left out, and said once, not at every replay.
        log.warn('a signal is left out', { code: 'INVALID_MESSAGE', signal: input.signalName, fault });
      },
    },
  ],
});

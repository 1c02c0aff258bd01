import { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';

/** Half of the shortest heartbeat timeout that such work runs under (workflows/proxies.ts). */
const PULSE_MS = 5_000;
/** The longest that an activity may run for and still count as a question or a write. */
const SHORT_MS = 30_000;

/**
 * Heartbeats of the running activity while it waits for something that says nothing of its own progress, so that a large window on
 * a slow disk is not taken for a dead worker and begun again without end. Work that keeps the processor busy says nothing either.
 */
export async function withPulse<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const pulse = setInterval(() => context.heartbeat(), PULSE_MS);
  try {
    return await work();
  } finally {
    clearInterval(pulse);
  }
}

/**
 * Interceptor of a worker: questions and writes heartbeat by themselves, so that a worker killed in the middle of a look or of a
 * roll-back is missed after the heartbeat timeout instead of the whole time that such work may take. Long activities tell their
 * own progress.
 */
export function pulseShortActivities({ info }: Context): ActivityInterceptors {
  const isShort = info.heartbeatTimeoutMs !== undefined && info.startToCloseTimeoutMs <= SHORT_MS;
  return isShort ? { inbound: { execute: (input, next) => withPulse(() => next(input)) } } : {};
}

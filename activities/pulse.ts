import { Context } from '@temporalio/activity';

/** A sixth of the shortest heartbeat timeout that such work runs under (workflows/proxies.ts). */
const PULSE_MS = 5_000;

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

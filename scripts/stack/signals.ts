import type { Stack } from './stack';

const SAME_KEYPRESS_MS = 500;
const PARENT_CHECK_MS = 1000;

/**
 * Stops the stack in order on SIGINT, SIGTERM, SIGHUP, or when our parent is gone; a second Ctrl-C kills what is left.
 * A terminal and npm may both deliver the same Ctrl-C, so signals within half a second count once.
 */
export function stopOnSignals(stack: Stack, before: () => void, exitCode: () => number): void {
  let firstAtMs = 0;
  const stop = (): void => {
    const nowMs = Date.now();
    if (firstAtMs === 0) {
      firstAtMs = nowMs;
      before();
      void stack.stop().then(() => process.exit(exitCode()));
    } else if (nowMs - firstAtMs > SAME_KEYPRESS_MS) {
      stack.killAll();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && firstAtMs === 0 && stop(), PARENT_CHECK_MS).unref();
}

import { CliError, EXIT } from './exit-code';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

/** How long to be patient, and how to say that one is. */
export interface Patience {
  deadlineMs: number;
  /** Called once when an outage begins. */
  onOutage(reason: string): void;
  /** Called once when it is over. */
  onRecovery(): void;
  now(): number;
  pause(ms: number): Promise<void>;
}

/**
 * Repeats `work` while the control plane cannot answer: it restarts, its database or Temporal is down. A refusal is no outage
 * and is thrown at once. @throws CliError of the last attempt's reason, with exit code 7, when the deadline passes.
 */
export async function patiently<T>(work: () => Promise<T>, patience: Patience): Promise<T> {
  let isOutage = false;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      const answer = await work();
      if (isOutage) patience.onRecovery();
      return answer;
    } catch (error) {
      if (!(error instanceof CliError) || !error.mayPass) throw error;
      if (!isOutage) patience.onOutage(`${error.code}: ${error.message}`);
      isOutage = true;
      if (patience.now() + pauseMs > patience.deadlineMs)
        throw new CliError(error.code, `${error.message} Gave up at the deadline.`, EXIT.timeout, error.next);
    }
    await patience.pause(pauseMs);
  }
}

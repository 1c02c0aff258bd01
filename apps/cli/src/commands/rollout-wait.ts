import { FINAL_ROLLOUT_STATES, type Evidence, type RolloutState } from '#domain/contracts/rollout';
import { CliError, EXIT } from '../exit-code';
import { printObject } from '../output';
import { patiently, type Patience } from '../patience';
import { pause, type CommandContext } from './command-context';

/** A rollout as the API tells it. */
export interface Rollout {
  rolloutId: string;
  state: RolloutState;
  stage: number;
  shareBps: number;
  verdict?: string | null;
  waitingFor?: string | null;
  reason?: string | null;
  evidenceDigest?: string | null;
  latestEvidence?: Evidence | null;
  [field: string]: unknown;
}

/** How progress is printed: a line per change for people, a JSON object per change, or only the end. */
export type Progress = 'lines' | 'json-lines' | 'quiet';

const ENDED = new Set<RolloutState>(FINAL_ROLLOUT_STATES);
const POLL_MS = 1000;

/** Prints one event of the wait in the form asked for. */
export type Tell = (event: Record<string, unknown> & { event: string }, line: string) => void;

export const tellBy =
  (progress: Progress): Tell =>
  (event, line) => {
    if (progress === 'lines') console.log(line);
    else if (progress === 'json-lines') console.log(JSON.stringify({ at: new Date().toISOString(), ...event }));
  };

/** Patience of a command that waits: outages are told once and waited out until the deadline. */
export const waitingPatience = (deadlineMs: number, tell: Tell): Patience => ({
  deadlineMs,
  onOutage: (reason) =>
    tell({ event: 'outage', reason }, `the control plane does not answer, asking again (${reason})`),
  onRecovery: () => tell({ event: 'recovered' }, 'the control plane answers again'),
  now: () => Date.now(),
  pause,
});

/** Longest wait as an option says it. @throws CliError BAD_TIMEOUT */
export function deadlineOf(timeoutSeconds: string): number {
  const seconds = Number(timeoutSeconds);
  if (!(seconds > 0))
    throw new CliError('BAD_TIMEOUT', `--timeout ${timeoutSeconds} is no number of seconds.`, EXIT.usage);
  return Date.now() + seconds * 1000;
}

/**
 * Follows a rollout to its end through restarts of the control plane. Returns when it was promoted.
 * @throws CliError with exit code 6 for any other end, 7 when the deadline passes first (the rollout goes on).
 */
export async function waitForRollout(
  context: () => CommandContext,
  rolloutId: string,
  deadlineMs: number,
  progress: Progress,
): Promise<void> {
  const tell = tellBy(progress);
  const patience = waitingPatience(deadlineMs, tell);
  const path = `/rollouts/${encodeURIComponent(rolloutId)}`;
  let last = '';
  for (;;) {
    // A restarted stack may listen elsewhere: each attempt reads where it is.
    const rollout = await patiently(() => context().api('viewer').call<Rollout>('GET', path), patience);
    const line = describeRollout(rollout);
    const { state, stage, shareBps, verdict = null, waitingFor = null, reason = null } = rollout;
    if (line !== last)
      tell({ event: 'progress', rolloutId, state, stage, shareBps, verdict, waitingFor, reason }, line);
    last = line;
    if (ENDED.has(state)) return ended(context(), rollout, tell, progress);
    if (Date.now() > deadlineMs) {
      const next = `It goes on by itself. Follow it: adloop release watch ${rolloutId}`;
      throw new CliError('WAIT_TIMEOUT', `${rolloutId} still runs.`, EXIT.timeout, next);
    }
    await pause(POLL_MS);
  }
}

function ended(context: CommandContext, rollout: Rollout, tell: Tell, progress: Progress): void {
  const { rolloutId, state } = rollout;
  const reason = rollout.reason ?? rollout.latestEvidence?.reason ?? 'no reason given';
  const exitCode = state === 'promoted' ? EXIT.ok : EXIT.gateFailed;
  const report = `adloop report ${rolloutId} --out report.html`;
  if (progress === 'quiet') printObject(rollout, context.format);
  tell({ event: 'ended', rolloutId, state, reason, exitCode }, `${rolloutId} ended ${state}. Its report: ${report}`);
  if (state === 'promoted') return;
  throw new CliError('ROLLOUT_NOT_PROMOTED', `${rolloutId} ended ${state}: ${reason}`, exitCode);
}

function describeRollout(rollout: Rollout): string {
  const share = `${(rollout.shareBps / 100).toFixed(1)} %`;
  const evidence = rollout.latestEvidence
    ? ` · ${rollout.latestEvidence.verdict}: ${rollout.latestEvidence.reason}`
    : '';
  const waiting = rollout.waitingFor ? ` · waiting for ${rollout.waitingFor}` : '';
  return `${rollout.state} · stage ${rollout.stage} at ${share}${waiting}${evidence}`;
}

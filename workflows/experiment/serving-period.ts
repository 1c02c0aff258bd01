import { CancellationScope, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { ExperimentResult } from '#domain/contracts';
import { experimentStep } from '#domain/experiment/next-step';
import type { ExperimentLookResult, GuardCause } from '../../activities/experiment-activities';
import { acknowledgements } from '../proxies';
import type { ExperimentRun } from './experiment-run';
import { experimentGuards, experimentReads, experimentWrites } from './proxies';

/** How a serving period is left. `continue-as-new` leaves it open: the next run goes on with the same period. */
export type PeriodEnd =
  { kind: 'aborted' | 'paused' | 'continue-as-new' } | { kind: 'ended'; result: ExperimentResult; reason: string };

/** Looks of one run; some fifteen events each keep its history far below the server's 51,200. */
const LOOKS_PER_RUN = 200;
/** Time between two attempts to serve while increases are held. */
const HELD_RETRY_MS = 300_000;
/** Longest wait for a first edge to serve the arms. */
const OPENING_MS = 600_000;

/** Serves both arms: guard in the background, a look every `lookEverySeconds`, until the horizon or an earlier end. */
export async function servePeriod(run: ExperimentRun): Promise<PeriodEnd> {
  if (run.view.openedAtMs === null) {
    const refused = await openPeriod(run);
    if (refused !== null) return refused;
  }
  const guard = new PeriodGuard(run);
  guard.start();
  let looks = 0;
  try {
    for (;;) {
      const end = await lookOnce(run, guard);
      if (end !== null) return end;
      looks += 1;
      if (looks >= (run.input.looksPerRun ?? LOOKS_PER_RUN) || workflowInfo().continueAsNewSuggested)
        return { kind: 'continue-as-new' };
    }
  } finally {
    await guard.end();
  }
}

const interrupted = (run: ExperimentRun): PeriodEnd | null =>
  run.abort !== null ? { kind: 'aborted' } : run.paused !== null ? { kind: 'paused' } : null;

/** Publishes both arms and waits for an edge; null once one serves them. */
async function openPeriod(run: ExperimentRun): Promise<PeriodEnd | null> {
  const { view, input } = run;
  const before = interrupted(run);
  if (before !== null) return before;
  const askedAtMs = Date.now();
  const { treatmentShareBps: shareBps } = input.plan;
  await run.enter('opening', { waitingFor: 'the edges to load the snapshot' });
  const version = await serveUnlessAsked(run, shareBps, askedAtMs);
  if (typeof version !== 'number') return version;
  for (;;) {
    const asked = interrupted(run);
    if (asked !== null) return asked;
    const seen = await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: 10 });
    if (seen.acknowledged.length > 0) break;
    if (Date.now() - askedAtMs > OPENING_MS)
      return { kind: 'ended', result: 'invalid-no-data', reason: `no edge acknowledged snapshot ${version}` };
  }
  view.openedAtMs = Date.now();
  view.horizonAtMs = view.openedAtMs + (input.plan.horizonSeconds - view.servedSeconds) * 1000;
  run.unusableSinceMs = null;
  await run.enter('running', {
    shareBps,
    reason: `period ${view.period} serves ${shareBps / 100} % of users the treatment`,
  });
  return null;
}

/**
 * Publishes both arms, waiting while increases are held (freeze, stopped line) as long as a pause may last. The snapshot's
 * version, or what ended the wait.
 */
async function serveUnlessAsked(run: ExperimentRun, shareBps: number, askedAtMs: number): Promise<number | PeriodEnd> {
  const { view, input } = run;
  const isAsked = () => interrupted(run) !== null;
  for (;;) {
    const { seq } = run.key('serve');
    const served = await unless(isAsked, () =>
      experimentWrites.serveExperiment.executeWithOptions(
        { summary: `period ${view.period}: treatment ${shareBps / 100} %` },
        [{ experimentId: view.experimentId, seq, period: view.period, shareBps }],
      ),
    );
    const asked = interrupted(run);
    if (asked !== null) return asked;
    // A serve that happens all the same is undone by the stop that follows, whose later sequence number fences it.
    if (served === null) return { kind: 'paused' };
    if (served.held === null) return served.version;
    if (Date.now() - askedAtMs > input.plan.pauseLimitSeconds * 1000)
      return { kind: 'ended', result: 'invalid-paused-too-long', reason: `increases are held: ${served.held}` };
    await run.enter('opening', { reason: `increases are held: ${served.held}`, waitingFor: 'the end of the hold' });
    await condition(isAsked, HELD_RETRY_MS);
  }
}

/** The long-running guard activity of one period. */
class PeriodGuard {
  fired: { reason: string; cause: GuardCause } | null = null;
  private readonly scope = new CancellationScope({ cancellable: true });
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly run: ExperimentRun) {}

  start(): void {
    const { view, input } = this.run;
    view.guard = 'holding';
    this.running = this.scope.run(async () => {
      try {
        this.fired = await experimentGuards.guardExperiment.executeWithOptions(
          { summary: `guards period ${view.period}, renews the treatment's lease` },
          [
            {
              rolloutId: view.experimentId,
              cell: view.cell,
              stage: view.period,
              shareBps: input.plan.treatmentShareBps,
              bucketSeconds: input.plan.bucketSeconds,
            },
          ],
        );
        view.guard = 'fired';
      } catch (error) {
        if (!isCancellation(error)) throw error;
      }
    });
  }

  async end(): Promise<void> {
    this.scope.cancel();
    if (this.run.view.guard === 'holding') this.run.view.guard = 'idle';
    await this.running;
  }
}

/** Waits for the next look and takes it; null = go on serving. */
async function lookOnce(run: ExperimentRun, guard: PeriodGuard): Promise<PeriodEnd | null> {
  const { view, input } = run;
  const due = () => interrupted(run) !== null || guard.fired !== null;
  await condition(due, nextWaitMs(run));
  const asked = interrupted(run);
  if (asked !== null) return asked;
  if (guard.fired !== null) return endOfGuard(guard.fired);
  // Neither an operator nor the guard waits for a look that does not come back.
  const look = await unless(due, () => takeLook(run));
  const late = interrupted(run);
  if (late !== null) return late;
  if (guard.fired !== null) return endOfGuard(guard.fired);
  if (look === null) return null;
  const unusableSeconds = run.clockVerdict(look.verdict);
  const next = experimentStep({
    plan: input.plan,
    verdict: look.verdict,
    verdictReason: look.reason,
    servedSeconds: run.servedSeconds(),
    periodSeconds: run.periodSeconds(),
    unusableSeconds,
  });
  const changed = view.verdict !== look.verdict || (view.waitingFor === null) === (next.step === 'page');
  Object.assign(view, {
    look: look.look,
    verdict: look.verdict,
    reason: next.reason,
    evidenceDigest: look.digest,
    readout: look.readout ?? view.readout,
    waitingFor: next.step === 'page' ? `data that can be trusted (${look.verdict})` : null,
    deadlineAtMs:
      next.step === 'page' ? (run.unusableSinceMs ?? Date.now()) + input.plan.decisionDeadlineSeconds * 1000 : null,
  });
  if (next.step === 'end') return { kind: 'ended', result: next.result, reason: next.reason };
  if (next.step === 'page') run.pageUntrusted(look.verdict, next.reason);
  // The row is written only when something a reader sees has changed.
  if (changed) await run.mirror();
  else run.show();
  return null;
}

/** Runs `work` unless `stop` comes true first: then it is cancelled, and null is answered. */
async function unless<T>(stop: () => boolean, work: () => Promise<T>): Promise<T | null> {
  const [working, watching] = [new CancellationScope(), new CancellationScope()];
  const ignore = (error: unknown): null => {
    if (isCancellation(error)) return null;
    throw error;
  };
  const done = working.run(work).catch((error: unknown) => {
    if (stop()) return ignore(error);
    throw error;
  });
  const stopped = watching.run(() => condition(stop)).catch(ignore);
  await Promise.race([done, stopped]);
  watching.cancel();
  if (stop()) working.cancel();
  return done;
}

const endOfGuard = ({ reason, cause }: { reason: string; cause: GuardCause }): PeriodEnd => ({
  kind: 'ended',
  result: cause === 'guardrail' ? 'stopped-by-guardrail' : 'invalid-champion-changed',
  reason,
});

/** Milliseconds to the next look, or to the horizon or deadline when that is nearer. */
function nextWaitMs(run: ExperimentRun): number {
  const { horizonAtMs, deadlineAtMs } = run.view;
  const every = run.input.plan.lookEverySeconds * 1000;
  const nearest = Math.min(horizonAtMs ?? Infinity, deadlineAtMs ?? Infinity) - Date.now();
  return Math.max(1000, Math.min(every, nearest));
}

async function takeLook(run: ExperimentRun): Promise<ExperimentLookResult> {
  const { view } = run;
  const { key } = run.key('look');
  const n = view.look + 1;
  const look = await experimentReads.takeExperimentLook.executeWithOptions(
    { summary: `look ${n}, period ${view.period}` },
    [
      {
        key,
        experimentId: view.experimentId,
        cell: view.cell,
        planDigest: view.planDigest,
        period: view.period,
        look: n,
        openedAtMs: view.openedAtMs ?? 0,
        servedSeconds: run.servedSeconds(),
      },
    ],
  );
  return look;
}

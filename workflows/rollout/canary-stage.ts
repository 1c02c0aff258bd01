import { CancellationScope, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import { servedShare } from '#domain/rollout/design-effect';
import type { LookResult } from '../../activities/rollout-activities';
import { acknowledgements, guards, idempotentWrites, reads } from '../proxies';
import type { RolloutRun } from './rollout-run';
import { moveAfter, type Move } from './stage-move';

/** How a stage ends. `continue-as-new` leaves it open: the next run goes on with the same stage. */
export type StageEnd = 'advance' | 'roll-back' | 'stopped' | 'continue-as-new';

/** Looks of one run; some fifteen events each keep its history far below the server's 51,200. */
const LOOKS_PER_RUN = 200;

/**
 * Serves one canary stage until its verdict: guard in the background, a look every `lookEverySeconds`, and, where the
 * plan or an inconclusive horizon asks for it, a wait for a human, during which guard and looks go on.
 */
export async function runCanaryStage(run: RolloutRun): Promise<StageEnd> {
  if (!run.stageOpen) {
    const opened = await openStage(run);
    if (!opened) return run.stop === null ? 'roll-back' : 'stopped';
  }
  const guard = new StageGuard(run);
  guard.start();
  let looks = 0;
  try {
    for (;;) {
      const end = await lookOnce(run, guard);
      if (end !== 'again') return end;
      looks += 1;
      if (looks >= (run.input.looksPerRun ?? LOOKS_PER_RUN) || workflowInfo().continueAsNewSuggested)
        return 'continue-as-new';
    }
  } finally {
    await guard.end();
  }
}

/** Publishes the stage's share and waits for an edge; false when none served it before the stage's time was over. */
async function openStage(run: RolloutRun): Promise<boolean> {
  const { view, stage } = run;
  const shareBps = Math.round(servedShare(stage) * 10_000);
  const version = await serveUnlessStopped(run, shareBps);
  if (version === null) return false;
  const openedAtMs = Date.now();
  await run.enter('canary', {
    stageKind: 'canary',
    shareBps,
    look: 0,
    verdict: null,
    evidenceDigest: null,
    reason: `stage ${view.stage} serves ${shareBps / 100} % of users`,
    waitingFor: 'the edges to load the snapshot',
  });
  for (;;) {
    const seen = await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: 10 });
    if (seen.acknowledged.length > 0) break;
    if (run.stop !== null || Date.now() - openedAtMs > stage.maxSeconds * 1000) {
      view.reason = `no edge acknowledged snapshot ${version}`;
      return false;
    }
  }
  run.openedAtMs = Date.now();
  run.stageOpen = true;
  run.approval = null;
  run.clocks = { undecidedSinceMs: null, awaitingSinceMs: null };
  view.waitingFor = null;
  await run.mirror();
  return true;
}

/**
 * Publishes the share. While another rollout serves the cell's one canary this waits, and a stop must not wait with it; a
 * serve that happens all the same after a stop is undone by the return to safety, whose later sequence number fences it.
 */
async function serveUnlessStopped(run: RolloutRun, shareBps: number): Promise<number | null> {
  const { view } = run;
  const { seq } = run.key('serve');
  const scope = new CancellationScope({ cancellable: true });
  const served = scope.run(async () => {
    try {
      const { version } = await idempotentWrites.serveStage.executeWithOptions(
        { summary: `serve stage ${view.stage} at ${shareBps / 100} %` },
        [{ rolloutId: view.rolloutId, seq, stage: view.stage, shareBps }],
      );
      return version;
    } catch (error) {
      if (isCancellation(error) && run.stop !== null) return null;
      throw error;
    }
  });
  await Promise.race([served, condition(() => run.stop !== null)]);
  if (run.stop !== null) scope.cancel();
  return served;
}

/** The long-running guard activity of one stage. */
class StageGuard {
  fired: string | null = null;
  private readonly scope = new CancellationScope({ cancellable: true });
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly run: RolloutRun) {}

  start(): void {
    const { view, input } = this.run;
    view.guard = 'holding';
    this.running = this.scope.run(async () => {
      try {
        const end = await guards.guardCanary.executeWithOptions(
          { summary: `guard stage ${view.stage} at ${view.shareBps / 100} %, renews its lease` },
          [
            {
              rolloutId: view.rolloutId,
              cell: view.cell,
              stage: view.stage,
              shareBps: view.shareBps,
              bucketSeconds: input.plan.bucketSeconds,
            },
          ],
        );
        view.guard = 'fired';
        this.fired = end.reason;
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

async function lookOnce(run: RolloutRun, guard: StageGuard): Promise<StageEnd | 'again'> {
  const { view, input } = run;
  const approved = () => run.approval !== null && !run.paused && view.state === 'awaiting-approval';
  await condition(() => run.stop !== null || guard.fired !== null || approved(), nextWaitMs(run));
  if (run.stop !== null) return 'stopped';
  if (guard.fired !== null) {
    view.reason = `guardrail: ${guard.fired}`;
    return 'roll-back';
  }
  if (approved()) return 'advance';
  const look = await takeLook(run);
  if (run.stop !== null) return 'stopped';
  run.clockVerdict(look.verdict);
  const move = moveAfter({
    plan: input.plan,
    stage: view.stage,
    look,
    nowMs: Date.now(),
    openedAtMs: run.openedAtMs,
    undecidedSinceMs: run.clocks.undecidedSinceMs,
    awaitingSinceMs: run.clocks.awaitingSinceMs,
    paused: run.paused,
  });
  return carryOutMove(run, look, move);
}

async function carryOutMove(run: RolloutRun, look: LookResult, move: Move): Promise<StageEnd | 'again'> {
  const seen = { verdict: look.verdict, look: look.look, reason: move.reason };
  switch (move.kind) {
    case 'advance':
    case 'roll-back':
      Object.assign(run.view, seen, { evidenceDigest: look.digest });
      return move.kind;
    case 'ask':
      await ask(run, look, seen, move);
      return 'again';
    case 'freeze':
    case 'stay':
      run.clocks.awaitingSinceMs = null;
      await stay(run, look, seen, move.waitingFor, move.kind === 'freeze' ? move.deadlineAtMs : null);
      return 'again';
  }
}

/** Milliseconds to the next look, or to the deadline of what is waited for when that is nearer. */
function nextWaitMs(run: RolloutRun): number {
  const every = run.input.plan.lookEverySeconds * 1000;
  const { deadlineAtMs } = run.view;
  return deadlineAtMs === null ? every : Math.max(1000, Math.min(every, deadlineAtMs - Date.now()));
}

async function takeLook(run: RolloutRun): Promise<LookResult> {
  const { view, input } = run;
  const { key } = run.key('look');
  const n = view.look + 1;
  const look = await reads.takeLook.executeWithOptions({ summary: `look ${n} of stage ${view.stage}` }, [
    { ...run.subject, key, stage: view.stage, look: n, plan: input.plan, openedAtMs: run.openedAtMs },
  ]);
  view.look = look.look;
  return look;
}

type Seen = { verdict: LookResult['verdict']; look: number; reason: string };

/** Waits for a human. The evidence to approve stays pinned while the verdict stays; a new verdict voids it. */
async function ask(run: RolloutRun, look: LookResult, seen: Seen, move: Extract<Move, { kind: 'ask' }>): Promise<void> {
  const { view, clocks } = run;
  if (view.state === 'awaiting-approval' && view.verdict === look.verdict) {
    run.show();
    return;
  }
  if (move.clock === 'awaiting') clocks.awaitingSinceMs ??= Date.now();
  else clocks.awaitingSinceMs = null;
  run.approval = null;
  const { waitingFor, deadlineAtMs } = move;
  await run.enter('awaiting-approval', { ...seen, evidenceDigest: look.digest, waitingFor, deadlineAtMs });
}

/** Goes on serving; the row is written only when something a reader sees has changed. */
async function stay(
  run: RolloutRun,
  look: LookResult,
  seen: Seen,
  waitingFor: string | null,
  deadlineAtMs: number | null,
): Promise<void> {
  const { view } = run;
  const state = run.paused ? 'paused' : 'canary';
  const changed = view.state !== state || view.verdict !== look.verdict || view.waitingFor !== waitingFor;
  Object.assign(view, seen, { evidenceDigest: look.digest, waitingFor, deadlineAtMs });
  if (changed) await run.enter(state, { waitingFor, deadlineAtMs });
  else run.show();
}

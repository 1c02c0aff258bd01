import { condition, patched, workflowInfo } from '@temporalio/workflow';
import type { LookResult } from '../../activities/rollout-activities';
import { reads } from '../proxies';
import { openStage } from './open-stage';
import { pageOnce } from './page-once';
import type { RolloutRun } from './rollout-run';
import { StageGuard } from './stage-guard';
import { fullPromotionStep, moveAfter, type Move } from './stage-move';

/**
 * How a stage ends. `continue-as-new` leaves it open: the next run goes on with the same stage. `promote` skips the stages that
 * remain; `held` = it could not be opened because increases are blocked.
 */
export type StageEnd = 'advance' | 'promote' | 'held' | 'roll-back' | 'stopped' | 'continue-as-new';

/** Looks of one run; some fifteen events each keep its history far below the server's 51,200. */
const LOOKS_PER_RUN = 200;

/**
 * Serves one canary stage until its verdict: guard in the background, a look every `lookEverySeconds`, and, where the
 * plan or an inconclusive horizon asks for it, a wait for a human, during which guard and looks go on.
 */
export async function runCanaryStage(run: RolloutRun): Promise<StageEnd> {
  const guard = new StageGuard(run);
  let looks = 0;
  try {
    if (!run.stageOpen) {
      const opening = await openStage(run, guard);
      if (opening !== 'opened') return opening === 'roll-back' && run.stop !== null ? 'stopped' : opening;
    }
    guard.start();
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

async function lookOnce(run: RolloutRun, guard: StageGuard): Promise<StageEnd | 'again'> {
  const { view, input } = run;
  const approved = () =>
    run.approvalStands(Date.now()) && !run.paused && view.state === 'awaiting-approval' && !view.held;
  const asked = () => run.fullPromotion !== null;
  await condition(() => run.stop !== null || guard.fired !== null || approved() || asked(), nextWaitMs(run));
  const ended = endedBy(run, guard);
  if (ended !== null) return ended;
  if (asked()) return promoteFully(run, guard);
  if (approved()) return advanceApproved(run, guard);
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
    approved: run.approvalStands(Date.now()),
    held: look.held ?? null,
  });
  return carryOutMove(run, look, move);
}

function endedBy(run: RolloutRun, guard: StageGuard): StageEnd | null {
  if (run.stop !== null) return 'stopped';
  if (guard.fired === null) return null;
  run.view.reason = `guardrail: ${guard.fired}`;
  return 'roll-back';
}

/** What holds releases is read again before an approved increase: it may have come after the approval. */
async function advanceApproved(run: RolloutRun, guard: StageGuard): Promise<StageEnd | 'again'> {
  const { view } = run;
  if (!patched('release-holds')) return 'advance';
  const { held } = await reads.readHolds({ rolloutId: view.rolloutId });
  const ended = endedBy(run, guard);
  if (ended !== null) return ended;
  view.held = held;
  if (held === null) return 'advance';
  await run.enter('awaiting-approval', { waitingFor: `increases to be allowed: ${held}` });
  return 'again';
}

/** An operator's order to skip the remaining stages, judged again at the moment it is carried out. */
async function promoteFully(run: RolloutRun, guard: StageGuard): Promise<StageEnd | 'again'> {
  const { view } = run;
  const { held } = await reads.readHolds({ rolloutId: view.rolloutId });
  const ended = endedBy(run, guard);
  if (ended !== null) return ended;
  view.held = held;
  const command = run.fullPromotion;
  run.fullPromotion = null;
  const decision = fullPromotionStep(run);
  if (decision.step !== 'promote') {
    view.reason = `full promotion by ${command?.by.name ?? 'an operator'} was not carried out: ${decision.reason}`;
    await run.mirror();
    return 'again';
  }
  view.reason = decision.reason;
  return 'promote';
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
  view.held = look.held ?? null;
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
  if (move.clock === 'undecided') pageOnce(run, 'rollout-undecided', move.reason, look.verdict);
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
  if (changed && deadlineAtMs !== null) pageOnce(run, 'rollout-frozen', seen.reason, look.verdict);
  Object.assign(view, seen, { evidenceDigest: look.digest, waitingFor, deadlineAtMs });
  if (changed) await run.enter(state, { waitingFor, deadlineAtMs });
  else run.show();
}

import { CancellationScope, condition, isCancellation, patched } from '@temporalio/workflow';
import { servedShare } from '#domain/rollout/design-effect';
import type { ServeRefusal } from '../../activities/rollout-activities';
import { acknowledgements, idempotentWrites } from '../proxies';
import type { RolloutRun } from './rollout-run';
import type { StageGuard } from './stage-guard';

/** What became of opening a stage. `held` = increases are blocked: what served before goes on serving. */
export type Opening = 'opened' | 'held' | 'stopped' | 'roll-back';

const SYSTEM = { name: 'rollout', role: 'system' } as const;

/** Publishes the stage's share and waits for an edge; `roll-back` when none served it before the stage's time was over. */
export async function openStage(run: RolloutRun, guard: StageGuard): Promise<Opening> {
  const { view, stage } = run;
  const shareBps = Math.round(servedShare(stage) * 10_000);
  const served = await serveUnlessStopped(run, shareBps);
  if (served === null) return 'stopped';
  if (served.refused !== undefined) return refused(run, served.refused);
  const openedAtMs = Date.now();
  await run.enter('canary', {
    stageKind: 'canary',
    shareBps,
    look: 0,
    verdict: null,
    evidenceDigest: null,
    held: null,
    reason: `stage ${view.stage} serves ${shareBps / 100} % of users`,
    waitingFor: 'the edges to load the snapshot',
  });
  // The share is live from the moment an edge loads it, acknowledged or not: so is its guard.
  if (patched('guard-from-serving')) guard.start();
  for (;;) {
    const seen = await acknowledgements.awaitAcknowledgement({ version: served.version, timeoutSeconds: 10 });
    view.delivery = { ...seen, what: 'stage', version: served.version };
    if (guard.fired !== null) return guardFired(run, guard.fired);
    if (seen.acknowledged.length > 0) break;
    if (run.stop !== null) return 'stopped';
    if (Date.now() - openedAtMs > stage.maxSeconds * 1000) {
      view.reason = `no edge acknowledged snapshot ${served.version}`;
      return 'roll-back';
    }
  }
  run.openedAtMs = Date.now();
  run.stageOpen = true;
  run.approval = null;
  run.clocks = { undecidedSinceMs: null, awaitingSinceMs: null };
  view.waitingFor = null;
  await run.mirror();
  return 'opened';
}

function guardFired(run: RolloutRun, reason: string): Opening {
  run.view.reason = `guardrail: ${reason}`;
  return 'roll-back';
}

function refused(run: RolloutRun, refusal: ServeRefusal): Opening {
  switch (refusal.kind) {
    case 'held':
      run.view.held = refusal.reason;
      return 'held';
    case 'superseded':
      run.askToStop('supersede', SYSTEM, `rollout ${refusal.reason} took its place`);
      return 'stopped';
    case 'artifact':
      run.view.reason = refusal.reason;
      return 'roll-back';
  }
}

/**
 * Publishes the share. While another rollout serves the cell's one canary this waits, and a stop must not wait with it; a
 * serve that happens all the same after a stop is undone by the return to safety, whose later sequence number fences it.
 */
async function serveUnlessStopped(
  run: RolloutRun,
  shareBps: number,
): Promise<{ version: number; refused?: ServeRefusal } | null> {
  const { view } = run;
  const { seq } = run.key('serve');
  const scope = new CancellationScope({ cancellable: true });
  const served = scope.run(async () => {
    try {
      return await idempotentWrites.serveStage.executeWithOptions(
        { summary: `serve stage ${view.stage} at ${shareBps / 100} %` },
        [{ rolloutId: view.rolloutId, seq, stage: view.stage, shareBps, candidateId: view.candidateId }],
      );
    } catch (error) {
      if (isCancellation(error) && run.stop !== null) return null;
      throw error;
    }
  });
  await Promise.race([served, condition(() => run.stop !== null)]);
  if (run.stop !== null) scope.cancel();
  return served;
}

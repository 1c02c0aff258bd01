import type { RolloutRun } from './rollout-run';
import { awaitSafety } from '../await-safety';
import { idempotentWrites } from '../proxies';

/**
 * Ends canary and shadow, restores the pinned target and waits until an edge has acknowledged, retrying without limit.
 * A rollout that never claimed the cell has nothing to undo.
 */
export async function makeSafe(run: RolloutRun, reason: string, verdictAtMs: number): Promise<void> {
  const { view } = run;
  const targetId = view.rollbackTargetId;
  if (targetId === null) return;
  await run.enter('rolling-back', { reason, waitingFor: 'the edges to serve the safe version' });
  const { key, seq } = run.key('restore');
  const { version } = await idempotentWrites.restoreTarget.executeWithOptions(
    { summary: `back to ${targetId}: ${reason}`.slice(0, 190) },
    [{ ...run.subject, key, seq, targetId, actor: run.stop?.by.name ?? 'rollout', reason }],
  );
  const { acknowledged, stragglers, atMs: safeAtMs } = await awaitSafety(version);
  const timeToSafeMs = safeAtMs - verdictAtMs;
  view.safe = {
    reason,
    targetId,
    snapshotVersion: version,
    verdictAtMs,
    safeAtMs,
    timeToSafeMs,
    acknowledged,
    stragglers,
  };
  const { key: intentKey } = run.key('intent');
  await idempotentWrites.appendIntent({
    key: intentKey,
    kind: 'rollout.rolled-back',
    publisher: run.stop === null ? 'meta' : 'operator',
    subject: view.rolloutId,
    action: { targetId, timeToSafeMs: view.safe.timeToSafeMs, stragglers: view.safe.stragglers },
    reason,
    expiresAt: null,
  });
}

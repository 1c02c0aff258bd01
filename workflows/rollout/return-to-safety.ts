import type { RolloutRun } from './rollout-run';
import { acknowledgements, idempotentWrites } from '../proxies';

/** How long a roll-back waits for stragglers before it reports them by name and ends. */
const STRAGGLER_SECONDS = 60;

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
  const askedAtMs = Date.now();
  for (;;) {
    const seen = await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: 10 });
    const late = Date.now() - askedAtMs > STRAGGLER_SECONDS * 1000;
    if (seen.acknowledged.length === 0 || (seen.stragglers.length > 0 && !late)) continue;
    const { acknowledged, stragglers, atMs } = seen;
    const timeToSafeMs = atMs - verdictAtMs;
    view.safe = { reason, targetId, snapshotVersion: version, verdictAtMs, safeAtMs: atMs, timeToSafeMs, acknowledged, stragglers };
    break;
  }
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

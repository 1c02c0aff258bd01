import type { RolloutRun } from './rollout-run';
import { awaitSafety } from '../await-safety';
import { idempotentWrites } from '../proxies';
import { pagedWhileSlow } from '../raise-page';
import { pageOnce } from './page-once';

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
  const restored = idempotentWrites.restoreTarget.executeWithOptions(
    { summary: `back to ${targetId}: ${reason}`.slice(0, 190) },
    [{ ...run.subject, key, seq, targetId, actor: run.stop?.by.name ?? 'rollout', reason }],
  );
  const slow = (what: string) => (round: number) =>
    pageOnce(
      run,
      'roll-back-slow',
      `roll-back to ${targetId}: ${what}; it is retried without limit`,
      `${what}/${round}`,
    );
  const { version } = await pagedWhileSlow(restored, slow('the control plane cannot write or publish it'));
  const seen = await pagedWhileSlow(
    awaitSafety(version, (round) => {
      view.delivery = { ...round, what: 'roll-back', version };
      run.show();
    }),
    slow('connected edges have not acknowledged it'),
  );
  const { acknowledged, stragglers, atMs: safeAtMs } = seen;
  view.delivery = { ...seen, what: 'roll-back', version };
  if (stragglers.length > 0) {
    const text = `${acknowledged.join(', ')} serve ${targetId}, ${stragglers.join(', ')} did not acknowledge it: look at these edges`;
    pageOnce(run, 'roll-back-stragglers', text, version);
  }
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

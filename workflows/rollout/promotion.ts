import { CancellationScope, condition, isCancellation, patched } from '@temporalio/workflow';
import type { Promotion } from '../../activities/rollout-activities';
import { acknowledgements, idempotentWrites } from '../proxies';
import { pageOnce } from './page-once';
import type { RolloutRun } from './rollout-run';

/** `held` = increases are blocked; `not-promoted` = the pointer has moved, the artifact is another one, or a stop has arrived. */
export type PromotionEnd = 'promoted' | 'held' | 'not-promoted';

/** How long a promotion waits for connected edges before it ends with them listed as stragglers. */
const STRAGGLER_MS = 60_000;

/**
 * Makes the candidate champion by compare-and-set and waits for the edges. When it is `not-promoted` the caller returns to
 * safety, which also takes a promotion back.
 */
export async function promote(run: RolloutRun): Promise<PromotionEnd> {
  const { view } = run;
  await run.enter('promoting', { waitingFor: 'the edges to serve the new champion' });
  if (run.stop !== null || view.rollbackTargetId === null) return 'not-promoted';
  const result = await moveChampion(run, view.rollbackTargetId);
  if (result === null) return 'not-promoted';
  if (!result.promoted) return whyNot(run, result);
  if (!(await acknowledged(run, result.version))) return 'not-promoted';
  const { key } = run.key('intent');
  await idempotentWrites.appendIntent({
    key,
    kind: 'rollout.promoted',
    publisher: 'operator',
    subject: view.rolloutId,
    action: {
      championId: view.candidateId,
      previousId: view.rollbackTargetId,
      acknowledged: view.delivery?.acknowledged ?? [],
      stragglers: view.delivery?.stragglers ?? [],
    },
    reason: view.reason,
    expiresAt: null,
  });
  if (run.stop !== null) return 'not-promoted';
  const missing = view.delivery?.stragglers ?? [];
  if (missing.length > 0) {
    const reason = `${view.candidateId} is champion, but ${missing.join(', ')} did not acknowledge it: look at these edges`;
    pageOnce(run, 'promotion-stragglers', reason, 'edges');
  }
  await run.enter('promoted', { shareBps: 0 });
  return 'promoted';
}

/** Null when a stop came first: a late attempt is fenced by its sequence number, and taken back by the return to safety. */
async function moveChampion(run: RolloutRun, expectedChampionId: string): Promise<Promotion | null> {
  const { view } = run;
  const { key, seq } = run.key('promote');
  const scope = new CancellationScope({ cancellable: true });
  const moving = scope.run(async () => {
    try {
      return await idempotentWrites.promoteCandidate.executeWithOptions(
        { summary: `${view.candidateId} becomes champion` },
        [
          {
            ...run.subject,
            key,
            seq,
            expectedChampionId,
            actor: view.approvals.at(-1)?.approver ?? view.requestedBy,
            evidenceDigest: view.evidenceDigest ?? '',
          },
        ],
      );
    } catch (error) {
      if (isCancellation(error) && run.stop !== null) return null;
      throw error;
    }
  });
  if (patched('stop-ends-promotion')) {
    await Promise.race([moving, condition(() => run.stop !== null)]);
    if (run.stop !== null) scope.cancel();
  }
  return moving;
}

function whyNot(run: RolloutRun, result: Promotion): PromotionEnd {
  const { view } = run;
  if (result.held != null) {
    view.held = result.held;
    return 'held';
  }
  view.reason =
    result.fault ?? `the champion is ${result.championId}, not ${view.rollbackTargetId}: nothing was overwritten`;
  return 'not-promoted';
}

/** Waits for a first edge without limit and a minute for every connected one; false when a stop came first. */
async function acknowledged(run: RolloutRun, version: number): Promise<boolean> {
  const { view } = run;
  const askedAtMs = Date.now();
  for (;;) {
    const seen = await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: 10 });
    view.delivery = { ...seen, what: 'promotion', version };
    run.show();
    if (run.stop !== null) return false;
    if (seen.acknowledged.length === 0) continue;
    const everybody = (seen.connected ?? seen.stragglers).length === 0;
    if (everybody || !patched('promotion-edge-by-edge') || Date.now() - askedAtMs > STRAGGLER_MS) return true;
  }
}

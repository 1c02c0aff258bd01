import type { RolloutRun } from './rollout-run';
import { acknowledgements, idempotentWrites } from '../proxies';

/**
 * Makes the candidate champion by compare-and-set and waits for the edges. False when the pointer has moved meanwhile
 * or a stop has arrived: the caller then returns to safety, which also takes a promotion back.
 */
export async function promote(run: RolloutRun): Promise<boolean> {
  const { view } = run;
  await run.enter('promoting', { waitingFor: 'the edges to serve the new champion' });
  if (run.stop !== null || view.rollbackTargetId === null) return false;
  const { key } = run.key('promote');
  const result = await idempotentWrites.promoteCandidate.executeWithOptions(
    { summary: `${view.candidateId} becomes champion` },
    [
      {
        ...run.subject,
        key,
        expectedChampionId: view.rollbackTargetId,
        actor: view.approvals.at(-1)?.approver ?? view.requestedBy,
        evidenceDigest: view.evidenceDigest ?? '',
      },
    ],
  );
  if (!result.promoted) {
    view.reason = `the champion is ${result.championId}, not ${view.rollbackTargetId}: nothing was overwritten`;
    return false;
  }
  for (;;) {
    const seen = await acknowledgements.awaitAcknowledgement({ version: result.version, timeoutSeconds: 10 });
    if (run.stop !== null) return false;
    if (seen.acknowledged.length > 0) break;
  }
  const { key: intentKey } = run.key('intent');
  await idempotentWrites.appendIntent({
    key: intentKey,
    kind: 'rollout.promoted',
    publisher: 'operator',
    subject: view.rolloutId,
    action: { championId: view.candidateId, previousId: view.rollbackTargetId },
    reason: view.reason,
    expiresAt: null,
  });
  if (run.stop !== null) return false;
  await run.enter('promoted', { shareBps: 0 });
  return true;
}

import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import type { ClaimResult } from '../../activities/claim-activities';
import { idempotentWrites, queues, reads } from '../proxies';
import type { RolloutRun } from './rollout-run';

/**
 * Lints plan and subject, then takes the (cell, agent) lock, waiting for it when the request says so, and pins the checked
 * roll-back target. False when the rollout has ended, or is to be stopped.
 */
export async function admit(run: RolloutRun): Promise<boolean> {
  const { view, input } = run;
  await idempotentWrites.openRollout({
    ...run.subject,
    fleet: view.fleet,
    plan: input.plan,
    requestedBy: view.requestedBy,
  });
  const { faults } = await reads.lintRollout({ ...run.subject, plan: input.plan });
  if (faults.length > 0) {
    await run.enter('refused', { faults, reason: `the request has ${faults.length} fault(s)` });
    return false;
  }
  const first = await idempotentWrites.claimRollout({ ...run.subject, whenBusy: input.whenBusy ?? 'refuse' });
  const claim = input.whenBusy === 'queue' && isBusy(first) ? await waitInQueue(run, first) : first;
  if (claim === null) return false;
  if (!claim.claimed || claim.rollbackTargetId === null) {
    await refuse(run, claim);
    return false;
  }
  view.rollbackTargetId = claim.rollbackTargetId;
  const { key } = run.key('intent');
  await idempotentWrites.appendIntent({
    key,
    kind: 'rollout.started',
    publisher: 'operator',
    subject: view.rolloutId,
    action: { agent: view.agent, candidateId: view.candidateId, rollbackTargetId: claim.rollbackTargetId },
    reason: `requested by ${view.requestedBy}`,
    expiresAt: null,
  });
  return true;
}

const isBusy = (claim: ClaimResult): boolean =>
  !claim.claimed && claim.supersededBy === undefined && (claim.faults ?? []).length === 0;

/** Waits without limit and without history; null when a stop came first. */
async function waitInQueue(run: RolloutRun, { holder }: ClaimResult): Promise<ClaimResult | null> {
  const { view } = run;
  await run.enter('queued', {
    reason: `rollout ${holder ?? 'unknown'} holds ${view.agent} in ${view.cell}`,
    waitingFor: `rollout ${holder ?? 'unknown'} to end; a newer candidate takes this place`,
  });
  const scope = new CancellationScope({ cancellable: true });
  const claiming = scope.run(async () => {
    try {
      return await queues.awaitClaim.executeWithOptions({ summary: `waits for ${view.agent} in ${view.cell}` }, [
        { ...run.subject, whenBusy: 'queue' },
      ]);
    } catch (error) {
      if (isCancellation(error) && run.stop !== null) return null;
      throw error;
    }
  });
  await Promise.race([claiming, condition(() => run.stop !== null)]);
  if (run.stop !== null) scope.cancel();
  const claim = await claiming;
  // A claim that came together with the stop is given back by the end of the rollout.
  return run.stop === null ? claim : null;
}

async function refuse(run: RolloutRun, claim: ClaimResult): Promise<void> {
  const { view } = run;
  if (claim.supersededBy !== undefined) {
    const reason = `rollout ${claim.supersededBy} took its place in the queue`;
    const { key } = run.key('intent');
    await idempotentWrites.appendIntent({
      key,
      kind: 'rollout.superseded',
      publisher: 'operator',
      subject: view.rolloutId,
      action: { by: claim.supersededBy, candidateId: view.candidateId },
      reason,
      expiresAt: null,
    });
    await run.enter('superseded', { reason });
    return;
  }
  const faults = claim.faults ?? [];
  if (faults.length > 0) {
    await run.enter('refused', { faults, reason: faults.map((fault) => fault.detail).join('; ') });
    return;
  }
  const detail = `rollout ${claim.holder ?? 'unknown'} holds ${view.agent} in ${view.cell}`;
  await run.enter('refused', { faults: [{ pointer: '', code: 'CELL_BUSY', detail }], reason: detail });
}

import {
  getExternalWorkflowHandle,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { rollBackRequested, type RollBackToInput, type SafeReport } from './messages';
import { awaitSafety } from './await-safety';
import { idempotentWrites } from './proxies';
import { pagedWhileSlow, raisePage, settlePages } from './raise-page';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from './search-attributes';
import { rolloutWorkflowId } from './workflow-ids';

/**
 * Puts an earlier version back, without gates: taking back needs no proof. Ends only when every connected edge has
 * acknowledged or is listed as a straggler, and never without at least one acknowledgement.
 */
export async function rollBackTo(input: RollBackToInput): Promise<SafeReport> {
  const show = (stage: string, text: string) => {
    setCurrentDetails(
      `### Roll back ${input.agent} in ${input.fleet}/${input.cell}: **${stage}**\n- ${text}\n- ${input.requestedBy.name}: ${input.reason}`,
    );
    upsertSearchAttributes([
      { key: FLEET_KEY, value: input.fleet },
      { key: AGENT_KEY, value: input.agent },
      { key: REQUESTED_BY_KEY, value: input.requestedBy.name },
      { key: STAGE_KEY, value: stage },
      { key: VERDICT_KEY, value: 'none' },
    ]);
  };
  const { workflowId } = workflowInfo();
  show('rolling-back', `target ${input.targetId ?? 'the last known good version'}`);
  const { raised, page } = pagerOf(input);
  const switching = idempotentWrites.switchToTarget({
    key: `${workflowId}/switch/1`,
    cell: input.cell,
    agent: input.agent,
    targetId: input.targetId,
    actor: input.requestedBy.name,
    reason: input.reason,
  });
  const switched = await pagedWhileSlow(switching, (round) =>
    page(
      'roll-back-slow',
      'the control plane cannot write or publish it; it is retried without limit',
      `switch/${round}`,
    ),
  );
  if (switched.activeRolloutId !== null) {
    // The pointer has moved under it: it must not promote, and it says so itself.
    await getExternalWorkflowHandle(rolloutWorkflowId(switched.activeRolloutId))
      .signal(rollBackRequested, { by: input.requestedBy, reason: `${workflowId}: ${input.reason}` })
      .catch((error: unknown) => show('rolling-back', `rollout ${switched.activeRolloutId} is over: ${String(error)}`));
  }
  const safety = awaitSafety(switched.version, ({ acknowledged, stragglers }) =>
    show(
      'rolling-back',
      `acknowledged by ${acknowledged.length}, waiting for ${stragglers.join(', ') || 'a first edge'}`,
    ),
  );
  const seen = await pagedWhileSlow(safety, (round) =>
    page('roll-back-slow', `connected edges have not acknowledged ${switched.targetId}`, `edges/${round}`),
  );
  const missing = seen.stragglers.join(', ');
  if (missing !== '')
    page('roll-back-stragglers', `${missing} did not acknowledge ${switched.targetId}: look at these edges`, 'edges');
  await idempotentWrites.appendMetaIntent({
    key: `${workflowId}/intent/1`,
    kind: 'rollback.requested',
    publisher: input.requestedBy.role === 'system' ? 'meta' : 'operator',
    subject: `${input.cell}/${input.agent}`,
    action: { from: switched.previousId, to: switched.targetId, stragglers: seen.stragglers },
    reason: input.reason,
    expiresAt: null,
  });
  await settlePages(raised);
  show('rolled-back', `${switched.targetId} serves; stragglers: ${missing || 'none'}`);
  return {
    reason: input.reason,
    targetId: switched.targetId,
    snapshotVersion: switched.version,
    verdictAtMs: input.verdictAtMs,
    safeAtMs: seen.atMs,
    timeToSafeMs: seen.atMs - input.verdictAtMs,
    acknowledged: seen.acknowledged,
    stragglers: seen.stragglers,
  };
}

/** Pages of this roll-back; `raised` are on their way. */
function pagerOf({ cell, agent }: RollBackToInput) {
  const subject = workflowInfo().workflowId;
  const raised: Promise<void>[] = [];
  const page = (kind: 'roll-back-slow' | 'roll-back-stragglers', reason: string, once: string) => {
    const promise = raisePage({ kind, cell, agent, subject, reason, once });
    if (promise !== undefined) raised.push(promise);
  };
  return { raised, page };
}

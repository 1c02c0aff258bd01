import {
  getExternalWorkflowHandle,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { rollBackRequested, type RollBackToInput, type SafeReport } from './messages';
import { awaitSafety } from './await-safety';
import { idempotentWrites } from './proxies';
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
  const switched = await idempotentWrites.switchToTarget({
    key: `${workflowId}/switch/1`,
    cell: input.cell,
    agent: input.agent,
    targetId: input.targetId,
    actor: input.requestedBy.name,
    reason: input.reason,
  });
  if (switched.activeRolloutId !== null) {
    // The pointer has moved under it: it must not promote, and it says so itself.
    await getExternalWorkflowHandle(rolloutWorkflowId(switched.activeRolloutId))
      .signal(rollBackRequested, { by: input.requestedBy, reason: `${workflowId}: ${input.reason}` })
      .catch((error: unknown) => show('rolling-back', `rollout ${switched.activeRolloutId} is over: ${String(error)}`));
  }
  const seen = await awaitSafety(switched.version, ({ acknowledged, stragglers }) =>
    show(
      'rolling-back',
      `acknowledged by ${acknowledged.length}, waiting for ${stragglers.join(', ') || 'a first edge'}`,
    ),
  );
  await idempotentWrites.appendMetaIntent({
    key: `${workflowId}/intent/1`,
    kind: 'rollback.requested',
    publisher: input.requestedBy.role === 'system' ? 'meta' : 'operator',
    subject: `${input.cell}/${input.agent}`,
    action: { from: switched.previousId, to: switched.targetId, stragglers: seen.stragglers },
    reason: input.reason,
    expiresAt: null,
  });
  show('rolled-back', `${switched.targetId} serves; stragglers: ${seen.stragglers.join(', ') || 'none'}`);
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

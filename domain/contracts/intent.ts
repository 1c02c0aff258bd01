import { z } from 'zod';

/** An agent's published intended action; append-only in the ledger. */
export const INTENT_KINDS = [
  'budget.allocated',
  'pacing.target',
  'creative.explore',
  'bid.conservative',
  'frequency.saturated',
  'weights.changed',
  'autonomy.changed',
  'agent.quarantined',
  'bidding.stopped',
  'bidding.resumed',
  'rollout.started',
  'rollout.approved',
  'rollout.rejected',
  'rollout.promoted',
  'rollout.rolled-back',
  'rollback.requested',
  'experiment.started',
  'experiment.ended',
  'training.started',
  'training.finished',
  'training.refused',
  'rollout.superseded',
  'rollout.refused',
  'page.raised',
  'line.stopped',
  'line.resumed',
  'freeze.declared',
  'freeze.lifted',
  'deployment.moved',
  'conflicts.summed',
] as const;
export const intentSchema = z.object({
  /** Idempotency key: `{workflowId}/{step}/{n}` or the caller's key. */
  key: z.string(),
  kind: z.enum(INTENT_KINDS),
  publisher: z.enum(['budget', 'creative', 'bid', 'frequency', 'meta', 'operator']),
  subject: z.string(),
  action: z.record(z.string(), z.unknown()),
  reason: z.string(),
  expiresAt: z.string().nullable(),
});
export type Intent = z.infer<typeof intentSchema>;

import { z } from 'zod';
import { agentSchema, ROLLOUT_STATES, rolloutPlanSchema, VERDICTS } from '#domain/contracts';

/** Bodies and answers of the rollouts' API. */
export const commandSchema = z.strictObject({ reason: z.string().min(1).max(1000) });
export const approvalRequestSchema = z.strictObject({
  /** Digest of the evidence that was seen; absent = the evidence that waits now. */
  evidenceDigest: z.string().max(128).optional(),
  reason: z.string().min(1).max(1000),
});
export const listQuerySchema = z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) });

/** The workflow's own view (workflows/messages.ts, RolloutView). */
export const rolloutViewSchema = z.record(z.string(), z.unknown());

export const rolloutSchema = z.object({
  rolloutId: z.string(),
  fleet: z.string(),
  cell: z.string(),
  agent: agentSchema,
  candidateId: z.string(),
  rollbackTargetId: z.string().nullable(),
  plan: rolloutPlanSchema,
  requestedBy: z.string(),
  state: z.enum(ROLLOUT_STATES),
  stage: z.number().int(),
  look: z.number().int(),
  shareBps: z.number().int(),
  verdict: z.enum(VERDICTS).nullable(),
  evidenceDigest: z.string().nullable(),
  reason: z.string(),
  waitingFor: z.string().nullable(),
  view: rolloutViewSchema.nullable(),
  createdAt: z.string(),
  endedAt: z.string().nullable(),
  latestEvidence: z.record(z.string(), z.unknown()).nullable(),
});

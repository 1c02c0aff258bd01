import { z } from 'zod';

/** A durable approval: bound to a rollout, its stage and the evidence seen; never by the requester. */
export const approvalSchema = z.object({
  approvalId: z.string(),
  rolloutId: z.string(),
  stage: z.number().int(),
  evidenceDigest: z.string(),
  approver: z.string(),
  reason: z.string().min(1).max(1000),
  expiresAt: z.string(),
});
export type Approval = z.infer<typeof approvalSchema>;

import { z } from 'zod';
import { budgetGrantSchema, grantReportSchema, lateBillSchema } from './budget-lease';
import { signedSchema } from './signed';

/** Lease of a canary's share: signed payload, renewed by the rollout's guard while its guardrails hold. */
export const canaryLeaseSchema = z.object({
  rolloutId: z.string(),
  stage: z.number().int(),
  shareBps: z.number().int().min(0).max(10_000),
  expiresAtMs: z.number().int(),
});
export type CanaryLease = z.infer<typeof canaryLeaseSchema>;

/** Late bills that one heartbeat may tell of; the others wait for the next one. */
export const MAX_LATE_BILLS = 500;

/** POST /edge/v1/heartbeat, every 5 s (and at once after a snapshot was loaded or refused). */
export const heartbeatRequestSchema = z.object({
  edgeId: z.string(),
  fleet: z.string(),
  bootId: z.string(),
  sentAtMs: z.number().int(),
  /** What the edge really serves. */
  snapshotId: z.string().nullable(),
  snapshotVersion: z.number().int().nullable(),
  refusedSnapshot: z.object({ version: z.number().int(), code: z.string(), detail: z.string() }).nullable(),
  servingCanary: z.object({ rolloutId: z.string(), stage: z.number().int(), shareBps: z.number().int() }).nullable(),
  killLevel: z.string(),
  quarantinedAgents: z.array(z.string()),
  counters: z.record(z.string(), z.number()),
  outboxBytes: z.number().int(),
  /** Last report of an edge that is shutting down: it gives its leases back and must not be given new ones. */
  draining: z.boolean().default(false),
  grants: z.array(grantReportSchema),
  /** Bills that no grant could take, oldest first, until the answer has named them; told again they are booked once. */
  lateBills: z.array(lateBillSchema).max(MAX_LATE_BILLS).default([]),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequestSchema>;

/** Its answer. `canaryLease` is a Signed<CanaryLease>. */
export const heartbeatResponseSchema = z.object({
  snapshotVersion: z.number().int().nullable(),
  canaryLease: signedSchema.nullable(),
  grants: z.array(budgetGrantSchema),
  /** Decision ids of the late bills that are in the books: the edge need not say them again. */
  bookedLateBills: z.array(z.string()).default([]),
  serverTimeMs: z.number().int(),
});
export type HeartbeatResponse = z.infer<typeof heartbeatResponseSchema>;

/** Kill file: `payload` is this, signed by one or more operator keys. */
export const killFileSchema = z.object({
  payload: z.string(),
  signatures: z.array(z.object({ keyId: z.string(), signature: z.string() })).min(1),
});
export const killOrderSchema = z.object({
  level: z.enum(['none', 'quarantine-agent', 'champion-only', 'safe-bids-only', 'stop-bidding']),
  agents: z.array(z.string()).default([]),
  scope: z.object({ fleet: z.string(), cell: z.string().optional(), campaignId: z.string().optional() }),
  seq: z.number().int().positive(),
  issuedAt: z.string(),
  reason: z.string().default(''),
});
export type KillOrder = z.infer<typeof killOrderSchema>;

/**
 * PUT /edge/v1/segments/{edgeId}/{segmentId}: the body is the sealed segment file (frames of JSON lines), header
 * `x-content-sha256` its hash. 200 {status}; shipping it again changes nothing.
 */
export const segmentReceiptSchema = z.object({ status: z.enum(['ingested', 'duplicate']), events: z.number().int() });
export type SegmentReceipt = z.infer<typeof segmentReceiptSchema>;

import { z } from 'zod';
import { AGENTS } from '#domain/contracts/agent';
import { edgeStateSchema } from '../edges/edges.controller';
import { LOOP_STEPS } from './loop-steps';

const nullableText = z.string().nullable();

/** GET /api/v1/status: the loop's state in one answer, also what the page and the CLI show. */
export const statusSchema = z.object({
  fleet: z.string(),
  cell: z.string(),
  at: z.string(),
  startedAt: z.string(),
  /** Seconds since this process started. */
  sinceStart: z.number(),
  /** Over the last 30 s of decision time. */
  requestsPerSecond: z.number(),
  bidRate: z.number(),
  winRate: z.number(),
  /** Of the last seven days. */
  spend: z.object({ USD: z.number() }),
  value: z.object({ USD: z.number() }),
  decisions: z.number().int(),
  loop: z.array(
    z.object({
      step: z.enum(LOOP_STEPS),
      at: nullableText,
      ageSeconds: z.number().nullable(),
      detail: z.string(),
    }),
  ),
  champions: z.array(z.object({ agent: z.enum(AGENTS), modelVersionId: z.string(), since: z.string() })),
  training: z
    .object({ workflowId: z.string(), agent: z.string(), state: z.string(), code: nullableText, updatedAt: z.string() })
    .nullable(),
  /** The running rollout, or the newest one. */
  rollout: z
    .object({
      rolloutId: z.string(),
      agent: z.string(),
      candidateId: z.string(),
      state: z.string(),
      stage: z.number().int(),
      shareBps: z.number().int(),
      verdict: nullableText,
      waitingFor: nullableText,
      reason: z.string(),
      ended: z.boolean(),
    })
    .nullable(),
  edges: z.array(
    edgeStateSchema.pick({
      edgeId: true,
      live: true,
      lastSeenAt: true,
      snapshotVersion: true,
      servingCanary: true,
      killLevel: true,
      quarantinedAgents: true,
      refusedSnapshot: true,
      outboxBytes: true,
    }),
  ),
  snapshotVersion: z.number().int().nullable(),
  lastBids: z.array(
    z.object({
      decisionId: z.string(),
      atMs: z.number(),
      exchange: z.string(),
      arm: z.string(),
      campaignId: z.string(),
      creativeId: z.string(),
      bidMicros: z.number(),
      outcome: z.string(),
      priceNanos: z.number().nullable(),
    }),
  ),
  lake: z.object({
    segments: z.number().int(),
    unsealedSegments: z.number().int(),
    parquetFiles: z.number().int(),
    newestDecisionAgeMs: z.number().nullable(),
  }),
  links: z.object({
    temporalUi: nullableText,
    openapi: z.string(),
    metrics: z.string(),
    edges: z.array(z.string()),
  }),
});
export type Status = z.infer<typeof statusSchema>;

import type { EntityManager } from 'typeorm';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import type { Outcome } from '#domain/contracts/outcome';
import type { Framed, SegmentContent } from '#domain/lake/segment-content';
import { insertRows, type BulkColumns } from './bulk-insert';

export interface NewSegment {
  edgeId: string;
  segmentId: string;
  sha256: string;
  path: string;
  bytes: number;
  content: SegmentContent;
}

/** Answers the segment's number, or null when another transaction stored this id first. */
export async function insertSegment(manager: EntityManager, segment: NewSegment): Promise<string | null> {
  const { edgeId, segmentId, sha256, path, bytes, content } = segment;
  const [row] = await manager.query<{ seq: string }[]>(
    `INSERT INTO segment (edge_id, segment_id, sha256, path, bytes, decisions, shadows, outcomes)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (edge_id, segment_id) DO NOTHING RETURNING seq`,
    [edgeId, segmentId, sha256, path, bytes, content.decisions.length, content.shadows.length, content.outcomes.length],
  );
  return row?.seq ?? null;
}

const OUTCOME: BulkColumns<{ seq: string; event: Outcome }> = {
  decision_id: { type: 'text', of: ({ event }) => event.decisionId },
  kind: { type: 'text', of: ({ event }) => event.kind },
  outcome_id: { type: 'text', of: ({ event }) => event.outcomeId },
  at_ms: { type: 'bigint', of: ({ event }) => event.atMs },
  decided_at_ms: { type: 'bigint', of: ({ event }) => event.decidedAtMs },
  edge_id: { type: 'text', of: ({ event }) => event.edgeId },
  exchange: { type: 'text', of: ({ event }) => event.exchange },
  campaign_id: { type: 'text', of: ({ event }) => event.campaignId },
  creative_id: { type: 'text', of: ({ event }) => event.creativeId },
  arm: { type: 'text', of: ({ event }) => event.arm },
  rollout_id: { type: 'text', of: ({ event }) => event.rolloutId },
  stage: { type: 'integer', of: ({ event }) => event.stage },
  user_bucket: { type: 'integer', of: ({ event }) => event.userBucket },
  price_nanos: { type: 'bigint', of: ({ event }) => event.priceNanos },
  value_nanos: { type: 'bigint', of: ({ event }) => event.valueNanos },
  min_to_win_micros: { type: 'double precision', of: ({ event }) => event.minToWinMicros },
  loss_reason: { type: 'integer', of: ({ event }) => event.lossReason },
  reservation_live: { type: 'boolean', of: ({ event }) => event.reservationLive },
  is_test: { type: 'boolean', of: ({ event }) => event.isTest },
  segment_seq: { type: 'bigint', of: ({ seq }) => seq },
};

const outcomeKey = (outcome: { decisionId: string; kind: string }) => `${outcome.decisionId}|${outcome.kind}`;

/** Stores the outcomes that are new and answers them: one of each kind per decision, the first to arrive. */
export async function insertOutcomes(
  manager: EntityManager,
  seq: string,
  outcomes: Framed<Outcome>[],
): Promise<Framed<Outcome>[]> {
  const unique = inKeyOrder(outcomes, (outcome) => outcomeKey(outcome.event));
  const rows = unique.map(({ event }) => ({ seq, event }));
  const tail = 'ON CONFLICT (decision_id, kind) DO NOTHING RETURNING decision_id AS "decisionId", kind';
  const stored = await insertRows<(typeof rows)[number], { decisionId: string; kind: string }>(
    manager,
    'outcome',
    OUTCOME,
    rows,
    tail,
  );
  const fresh = new Set(stored.map(outcomeKey));
  return unique.filter(({ event }) => fresh.has(outcomeKey(event)));
}

/** Text that Postgres takes: without NUL, and short enough for an index. */
const plain = (text: string) => text.replaceAll('\0', '').slice(0, 256);

const DECISION: BulkColumns<Framed<DecisionRecord> & { seq: string }> = {
  decision_id: { type: 'text', of: ({ event }) => event.decisionId },
  segment_seq: { type: 'bigint', of: ({ seq }) => seq },
  body_at: { type: 'integer', of: ({ bodyAt }) => bodyAt },
  body_bytes: { type: 'integer', of: ({ bodyBytes }) => bodyBytes },
  decided_at_ms: { type: 'bigint', of: ({ event }) => event.inputs.nowMs },
  request_id: { type: 'text', of: ({ event }) => plain(event.inputs.request.requestId) },
  exchange: { type: 'text', of: ({ event }) => plain(event.inputs.request.exchange) },
  imp_index: { type: 'smallint', of: ({ event }) => event.inputs.impIndex },
  is_test: { type: 'boolean', of: ({ event }) => event.inputs.request.isTest },
  arm: { type: 'text', of: ({ event }) => event.inputs.arm },
  rollout_id: { type: 'text', of: ({ event }) => event.inputs.rolloutId },
  campaign_id: { type: 'text', of: ({ event }) => event.outputs.campaignId },
  creative_id: { type: 'text', of: ({ event }) => event.outputs.creativeId },
  bid_micros: { type: 'bigint', of: ({ event }) => event.outputs.bidMicros },
  no_bid_reason: { type: 'text', of: ({ event }) => event.outputs.noBidReason },
};

/** Indexes the decisions that are new and answers them. */
export async function insertDecisions(
  manager: EntityManager,
  seq: string,
  decisions: Framed<DecisionRecord>[],
): Promise<Framed<DecisionRecord>[]> {
  const unique = inKeyOrder(decisions, ({ event }) => event.decisionId);
  const stored = await insertRows<Framed<DecisionRecord> & { seq: string }, { id: string }>(
    manager,
    'decision_index',
    DECISION,
    unique.map((decision) => ({ ...decision, seq })),
    'ON CONFLICT (decision_id) DO NOTHING RETURNING decision_id AS id',
  );
  const fresh = new Set(stored.map(({ id }) => id));
  return unique.filter(({ event }) => fresh.has(event.decisionId));
}

/** The first of each key, sorted by key: transactions that insert the same keys then wait for each other, never in a ring. */
function inKeyOrder<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const first = new Map<string, T>();
  for (const item of items) if (!first.has(keyOf(item))) first.set(keyOf(item), item);
  return [...first.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}

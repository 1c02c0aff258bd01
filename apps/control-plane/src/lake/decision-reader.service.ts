import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { DecisionRecord } from '#domain/contracts/decision-record';
import type { OutcomeKind } from '#domain/contracts/outcome';
import type { NoBidReason } from '#domain/contracts/no-bid-reason';
import { explainDecision, type KnownOutcome } from '#domain/lake/explain-decision';
import { DuckLake, literal, parquetOf, streamRows } from './duck-lake';
import { SegmentFileStore } from './segment-file-store';

/** An outcome as joined to its decision. */
export interface JoinedOutcome extends KnownOutcome {
  kind: OutcomeKind;
  atMs: number;
  valueNanos: number;
  reservationLive: boolean;
}

export interface ExplainedDecision {
  decisionId: string;
  explain: string;
  outcomes: JoinedOutcome[];
  record: DecisionRecord;
}

/** A bid in the list of recent ones. */
export interface RecentBid {
  decisionId: string;
  atMs: number;
  exchange: string;
  arm: string;
  campaignId: string;
  creativeId: string;
  bidMicros: number;
  /** Furthest outcome so far: open, lost, won, shown, clicked or converted. */
  outcome: string;
  priceNanos: number | null;
}

interface IndexRow {
  decision_id: string;
  segment_seq: string;
  path: string;
  body_at: number;
  body_bytes: number;
}

const PAGE = 200;
/** Reasons that the inputs alone do not give. */
const UNREPEATABLE: ReadonlySet<string> = new Set<NoBidReason>(['too-late', 'internal-error']);
const INDEX_COLUMNS = 'd.decision_id, d.segment_seq, s.path, d.body_at, d.body_bytes';

/** Finds logged decisions: by id, the last bids, the last N whole requests. Reads single bodies out of segment files. */
@Injectable()
export class DecisionReader {
  constructor(
    private readonly database: DataSource,
    private readonly files: SegmentFileStore,
    private readonly duck: DuckLake,
  ) {}

  /** The record with its outcomes and the reason in one sentence, or null. */
  async explained(decisionId: string): Promise<ExplainedDecision | null> {
    const text = (await this.fromIndex(decisionId)) ?? (await this.fromParquet(decisionId));
    if (text === null) return null;
    const record = JSON.parse(text) as DecisionRecord;
    const outcomes = await this.outcomes(decisionId);
    return { decisionId, explain: explainDecision(record, outcomes), outcomes, record };
  }

  async outcomes(decisionId: string): Promise<JoinedOutcome[]> {
    const rows = await this.database.query<Record<string, string | number | boolean | null>[]>(
      `SELECT kind, at_ms, price_nanos, value_nanos, min_to_win_micros, loss_reason, reservation_live
        FROM outcome WHERE decision_id = $1 ORDER BY at_ms, kind`,
      [decisionId],
    );
    return rows.map((row) => ({
      kind: row.kind as JoinedOutcome['kind'],
      atMs: Number(row.at_ms),
      priceNanos: Number(row.price_nanos),
      valueNanos: Number(row.value_nanos),
      minToWinMicros: row.min_to_win_micros as number | null,
      lossReason: row.loss_reason as number | null,
      reservationLive: row.reservation_live as boolean,
    }));
  }

  /** Bids before a position in (time, id) order, newest first; one more than `limit` when there are more. */
  async recentBids(limit: number, before: { atMs: number; decisionId: string } | null): Promise<RecentBid[]> {
    const rows = await this.database.query<Record<string, string | null>[]>(
      `SELECT d.decision_id, d.decided_at_ms, d.exchange, d.arm, d.campaign_id, d.creative_id, d.bid_micros, o.kinds, o.price
        FROM (SELECT * FROM decision_index
          WHERE no_bid_reason IS NULL AND ($2::bigint IS NULL OR (decided_at_ms, decision_id) < ($2, $3))
          ORDER BY decided_at_ms DESC, decision_id DESC LIMIT $1) d
        LEFT JOIN LATERAL (SELECT string_agg(kind, ',') AS kinds,
            max(price_nanos) FILTER (WHERE kind IN ('win', 'bill')) AS price
          FROM outcome WHERE outcome.decision_id = d.decision_id) o ON true
        ORDER BY d.decided_at_ms DESC, d.decision_id DESC`,
      [Math.min(limit, PAGE) + 1, before?.atMs ?? null, before?.decisionId ?? null],
    );
    return rows.map((row) => ({
      decisionId: row.decision_id!,
      atMs: Number(row.decided_at_ms),
      exchange: row.exchange!,
      arm: row.arm!,
      campaignId: row.campaign_id!,
      creativeId: row.creative_id!,
      bidMicros: Number(row.bid_micros),
      outcome: furthest(row.kinds ?? ''),
      priceNanos: row.price === null || row.price === undefined ? null : Number(row.price),
    }));
  }

  /**
   * JSON lines of the last `limit` decisions (a few more, so that the oldest request is whole), newest request first, the
   * records of a request in the order of its impressions. Left out are requests that cannot be decided again: those of which a
   * record is missing (a replay needs all rows of the batch) and those that the clock or a fault decided.
   */
  async *lastRecords(limit: number): AsyncGenerator<string> {
    let sent = 0;
    let request: PartialRequest = { id: '', records: new Map(), expected: 1, isRepeatable: true };
    for await (const text of this.newestFirst()) {
      const { inputs, outputs, edgeId } = JSON.parse(text) as DecisionRecord;
      const id = `${edgeId}|${inputs.request.requestId}|${inputs.rngCounter}|${inputs.nowMs}`;
      if (request.id !== id) {
        const lines = wholeRequest(request);
        yield* lines;
        sent += lines.length;
        if (sent >= limit) return;
        request = { id, records: new Map(), expected: inputs.request.impressions.length, isRepeatable: true };
      }
      request.records.set(inputs.impIndex, text);
      if (outputs.noBidReason !== null && UNREPEATABLE.has(outputs.noBidReason)) request.isRepeatable = false;
    }
    yield* wholeRequest(request);
  }

  /** Every indexed decision from the newest segment back, page by page. */
  private async *newestFirst(): AsyncGenerator<string> {
    let before: { seq: string; at: number } = { seq: '9223372036854775807', at: 0 };
    for (;;) {
      const rows: IndexRow[] = await this.database.query<IndexRow[]>(
        `SELECT ${INDEX_COLUMNS} FROM decision_index d JOIN segment s ON s.seq = d.segment_seq
          WHERE (d.segment_seq, d.body_at) < ($1::bigint, $2::int) AND s.path <> ''
          ORDER BY d.segment_seq DESC, d.body_at DESC LIMIT ${PAGE}`,
        [before.seq, before.at],
      );
      let start = 0;
      while (start < rows.length) {
        const { path } = rows[start]!;
        const inFile = rows.slice(start).filter((row) => row.path === path);
        yield* await this.files.readBodies(path, inFile.map(placeOf));
        start += inFile.length;
      }
      const last = rows.at(-1);
      if (!last || rows.length < PAGE) return;
      before = { seq: last.segment_seq, at: last.body_at };
    }
  }

  private async fromIndex(decisionId: string): Promise<string | null> {
    const [row] = await this.database.query<IndexRow[]>(
      `SELECT ${INDEX_COLUMNS} FROM decision_index d JOIN segment s ON s.seq = d.segment_seq WHERE d.decision_id = $1`,
      [decisionId],
    );
    if (!row || row.path === '') return null;
    return (await this.files.readBodies(row.path, [placeOf(row)]))[0] ?? null;
  }

  /** Decisions older than the index: only those with an outcome, whose time says which files to read. */
  private async fromParquet(decisionId: string): Promise<string | null> {
    const files = await this.database.query<{ path: string }[]>(
      `SELECT f.path FROM (SELECT decided_at_ms FROM outcome WHERE decision_id = $1 LIMIT 1) o
        JOIN lake_file f ON f.dataset = 'decisions' AND f.retired_at IS NULL AND o.decided_at_ms BETWEEN f.min_at_ms AND f.max_at_ms`,
      [decisionId],
    );
    if (files.length === 0) return null;
    const paths = files.map(({ path }) => join(this.duck.root, path));
    return this.duck.with(async (connection) => {
      const sql = `SELECT record FROM ${parquetOf(paths)} WHERE decision_id = ${literal(decisionId)} LIMIT 1`;
      for await (const [record] of streamRows(connection, sql)) return record as string;
      return null;
    });
  }
}

const placeOf = (row: IndexRow) => ({ bodyAt: row.body_at, bodyBytes: row.body_bytes });

/** Records of one request seen so far, by impression. */
interface PartialRequest {
  id: string;
  records: Map<number, string>;
  /** How many impressions the request has. */
  expected: number;
  isRepeatable: boolean;
}

function wholeRequest({ records, expected, isRepeatable }: PartialRequest): string[] {
  if (records.size < expected || !isRepeatable) return [];
  return [...records.entries()].sort(([a], [b]) => a - b).map(([, text]) => text);
}

const FURTHEST = [
  ['conversion', 'converted'],
  ['click', 'clicked'],
  ['view', 'seen'],
  ['bill', 'shown'],
  ['win', 'won'],
  ['loss', 'lost'],
] as const;

function furthest(kinds: string): string {
  const seen = kinds.split(',');
  return FURTHEST.find(([kind]) => seen.includes(kind))?.[1] ?? 'open';
}

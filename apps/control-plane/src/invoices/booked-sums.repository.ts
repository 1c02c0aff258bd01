import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { InvoiceNote } from '#domain/contracts/invoice-report';
import type { BookedSums } from '#domain/reconciliation/compare-invoice';

/** A day in the exchange's time zone, epoch milliseconds: [fromMs, toMs). */
export interface DayBounds {
  fromMs: number;
  toMs: number;
}

/** Longest time between a decision and its bill: the longest life of a token. Bounds what is read. */
const LONGEST_TOKEN_MS = 31 * 86_400_000;

interface SumRow {
  campaign_id: string;
  impressions: string;
  spend: string;
  bids: string;
  bid: string;
  cleared: string;
}

interface NoteRow {
  campaign_id: string;
  code: InvoiceNote;
  n: string;
  nanos: string;
  decision_ids: string[];
}

/** What the notices of one exchange and day say that we owe. */
@Injectable()
export class BookedSumsRepository {
  constructor(private readonly database: DataSource) {}

  async boundsOf(day: string, timeZone: string): Promise<DayBounds> {
    const [row] = (await this.database.query(
      `SELECT extract(epoch FROM ($1::date::timestamp AT TIME ZONE $2)) * 1000 AS from_ms,
         extract(epoch FROM (($1::date + 1)::timestamp AT TIME ZONE $2)) * 1000 AS to_ms`,
      [day, timeZone],
    )) as [{ from_ms: string; to_ms: string }];
    return { fromMs: Number(row.from_ms), toMs: Number(row.to_ms) };
  }

  /** Sums and notes by campaign. Test traffic is a note and no sum. */
  async byCampaign(exchange: string, { fromMs, toMs }: DayBounds): Promise<Map<string, BookedSums>> {
    const parameters = [exchange, fromMs, toMs, fromMs - LONGEST_TOKEN_MS];
    const sums = (await this.database.query(SUMS, parameters)) as SumRow[];
    const notes = (await this.database.query(NOTES, parameters)) as NoteRow[];
    const books = new Map<string, BookedSums>();
    for (const row of sums)
      books.set(row.campaign_id, {
        impressions: Number(row.impressions),
        spendNanos: BigInt(row.spend),
        bids: Number(row.bids),
        bidNanos: BigInt(row.bid),
        clearedNanos: BigInt(row.cleared),
        notes: [],
      });
    for (const { campaign_id: campaignId, code, n, nanos, decision_ids: decisionIds } of notes) {
      const book = books.get(campaignId) ?? nothing();
      book.notes.push({ code, count: Number(n), nanos: BigInt(nanos), decisionIds });
      books.set(campaignId, book);
    }
    return books;
  }
}

const nothing = (): BookedSums => ({
  ...{ impressions: 0, spendNanos: 0n, bids: 0, bidNanos: 0n, clearedNanos: 0n, notes: [] },
});

/** Bills heard on the day, with the bid where the index still has it. A bid's CPM micros are the nanos of one impression. */
const BILLS = `bill AS (
    SELECT o.decision_id, o.campaign_id, o.price_nanos, o.decided_at_ms, o.reservation_live, o.is_test, d.bid_micros
    FROM outcome o LEFT JOIN decision_index d ON d.decision_id = o.decision_id
    WHERE o.kind = 'bill' AND o.exchange = $1 AND o.at_ms >= $2 AND o.at_ms < $3 AND o.decided_at_ms BETWEEN $4 AND $3
  )`;

const SUMS = `WITH ${BILLS}
  SELECT campaign_id, count(*) AS impressions, sum(price_nanos) AS spend, count(bid_micros) AS bids,
    coalesce(sum(bid_micros), 0) AS bid, coalesce(sum(price_nanos) FILTER (WHERE bid_micros IS NOT NULL), 0) AS cleared
  FROM bill WHERE NOT is_test GROUP BY campaign_id`;

const NOTES = `WITH ${BILLS}, note AS (
    SELECT campaign_id, 'late-bill' AS code, decision_id, price_nanos FROM bill WHERE NOT is_test AND NOT reservation_live
    UNION ALL SELECT campaign_id, 'full-bid', decision_id, price_nanos FROM bill WHERE NOT is_test AND price_nanos >= bid_micros
    UNION ALL SELECT campaign_id, 'decided-day-before', decision_id, price_nanos FROM bill WHERE NOT is_test AND decided_at_ms < $2
    UNION ALL SELECT campaign_id, 'test-bill', decision_id, price_nanos FROM bill WHERE is_test
    UNION ALL SELECT campaign_id, 'lost-and-billed', decision_id, price_nanos FROM bill WHERE NOT is_test AND EXISTS (
      SELECT 1 FROM outcome l WHERE l.decision_id = bill.decision_id AND l.kind = 'loss')
    UNION ALL SELECT w.campaign_id, 'win-without-bill', w.decision_id, w.price_nanos FROM outcome w
      WHERE w.kind = 'win' AND w.exchange = $1 AND w.at_ms >= $2 AND w.at_ms < $3 AND w.decided_at_ms BETWEEN $4 AND $3
        AND NOT w.is_test AND NOT EXISTS (SELECT 1 FROM outcome b WHERE b.decision_id = w.decision_id AND b.kind = 'bill')
    UNION ALL SELECT n.campaign_id, 'heard-next-day', n.decision_id, n.price_nanos FROM outcome n
      WHERE n.kind = 'bill' AND n.exchange = $1 AND n.at_ms >= $3 AND n.decided_at_ms >= $2 AND n.decided_at_ms < $3 AND NOT n.is_test
  )
  SELECT campaign_id, code, count(*) AS n, sum(price_nanos) AS nanos,
    (array_agg(decision_id ORDER BY decision_id))[1:5] AS decision_ids
  FROM note GROUP BY campaign_id, code ORDER BY campaign_id, code`;

import type { EntityManager } from 'typeorm';
import type { Arm } from '#domain/contracts/agent';
import type { LateBill } from '#domain/contracts/budget-lease';

/** One late bill with the campaign, arm and day that it is charged to. */
export interface LateBillRow {
  decisionId: string;
  grantId: string | null;
  campaignId: string;
  arm: Arm;
  day: string;
  paidNanos: bigint;
}

/**
 * Says where each bill belongs: to its grant's campaign, arm and day, or, when nobody knows the grant any more, to the bill's own
 * campaign and that campaign's day at `nowMs`. Bills of other edges' grants and of unknown campaigns are left out.
 */
export async function placeLateBills(
  manager: EntityManager,
  edgeId: string,
  bills: readonly LateBill[],
  nowMs: number,
): Promise<LateBillRow[]> {
  if (bills.length === 0) return [];
  const rows = (await manager.query(
    `SELECT b.decision_id AS "decisionId", g.grant_id AS "grantId", c.campaign_id AS "campaignId",
       coalesce(g.arm, b.arm) AS arm, coalesce(g.day, ($7::timestamptz AT TIME ZONE c.time_zone)::date)::text AS day,
       b.paid AS "paidNanos"
     FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS b (decision_id, grant_id, campaign_id, arm, paid)
     LEFT JOIN budget_grant g ON g.grant_id = b.grant_id
     JOIN campaign c ON c.campaign_id = coalesce(g.campaign_id, b.campaign_id)
     WHERE g.grant_id IS NULL OR g.edge_id = $6
     ORDER BY 1`,
    [
      bills.map((bill) => bill.decisionId),
      bills.map((bill) => bill.grantId),
      bills.map((bill) => bill.campaignId),
      bills.map((bill) => bill.arm),
      bills.map((bill) => String(bill.paidNanos)),
      edgeId,
      new Date(nowMs),
    ],
  )) as (Omit<LateBillRow, 'paidNanos'> & { paidNanos: string })[];
  return rows.map((row) => ({ ...row, paidNanos: BigInt(row.paidNanos) }));
}

/** Writes what is not there yet. @returns the decision ids of bills that are new */
export async function insertLateBills(
  manager: EntityManager,
  edgeId: string,
  rows: readonly LateBillRow[],
): Promise<Set<string>> {
  if (rows.length === 0) return new Set();
  const inserted = (await manager.query(
    `INSERT INTO late_bill (decision_id, grant_id, campaign_id, arm, day, paid_nanos, edge_id)
     SELECT b.*, $7 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[], $6::bigint[]) AS b
     ON CONFLICT (decision_id) DO NOTHING RETURNING decision_id`,
    [
      rows.map((row) => row.decisionId),
      rows.map((row) => row.grantId),
      rows.map((row) => row.campaignId),
      rows.map((row) => row.arm),
      rows.map((row) => row.day),
      rows.map((row) => row.paidNanos.toString()),
      edgeId,
    ],
  )) as { decision_id: string }[];
  return new Set(inserted.map((row) => row.decision_id));
}

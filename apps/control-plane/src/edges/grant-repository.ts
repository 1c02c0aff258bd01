import type { EntityManager } from 'typeorm';
import type { Arm } from '#domain/contracts/agent';

/** One grant as stored. Nanos. */
export interface GrantRow {
  grantId: string;
  campaignId: string;
  edgeId: string;
  bootId: string;
  arm: Arm;
  day: string;
  amountNanos: bigint;
  outageNanos: bigint;
  dayPlanNanos: bigint;
  daySpentNanos: bigint;
  issuedAtMs: number;
  expiresAtMs: number;
  spentNanos: bigint;
  returnedNanos: bigint;
  lateNanos: bigint;
  closed: boolean;
}

interface RawGrant {
  grant_id: string;
  campaign_id: string;
  edge_id: string;
  boot_id: string;
  arm: Arm;
  day: string;
  amount_nanos: string;
  outage_nanos: string;
  day_plan_nanos: string;
  day_spent_nanos: string;
  issued_at: Date;
  expires_at: Date;
  spent_nanos: string;
  returned_nanos: string;
  late_nanos: string;
  closed_at: Date | null;
}

const COLUMNS = `grant_id, campaign_id, edge_id, boot_id, arm, day::text AS day, amount_nanos, outage_nanos, day_plan_nanos,
  day_spent_nanos, issued_at, expires_at, spent_nanos, returned_nanos, late_nanos, closed_at`;

/** Campaigns of these grants, so that their accounts can be locked before the grants are read. */
export async function campaignsOfGrants(manager: EntityManager, grantIds: readonly string[]): Promise<string[]> {
  const rows = (await manager.query('SELECT DISTINCT campaign_id FROM budget_grant WHERE grant_id = ANY($1)', [
    grantIds,
  ])) as { campaign_id: string }[];
  return rows.map((row) => row.campaign_id);
}

/** Grants of these campaigns that are open (of any edge), and those named whether open or not. */
export async function readGrants(
  manager: EntityManager,
  campaignIds: readonly string[],
  grantIds: readonly string[],
): Promise<GrantRow[]> {
  const rows = (await manager.query(
    `SELECT ${COLUMNS} FROM budget_grant
     WHERE (campaign_id = ANY($1) AND closed_at IS NULL) OR grant_id = ANY($2) ORDER BY issued_at, grant_id`,
    [campaignIds, grantIds],
  )) as RawGrant[];
  return rows.map((row) => ({
    grantId: row.grant_id,
    campaignId: row.campaign_id,
    edgeId: row.edge_id,
    bootId: row.boot_id,
    arm: row.arm,
    day: row.day,
    amountNanos: BigInt(row.amount_nanos),
    outageNanos: BigInt(row.outage_nanos),
    dayPlanNanos: BigInt(row.day_plan_nanos),
    daySpentNanos: BigInt(row.day_spent_nanos),
    issuedAtMs: row.issued_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    spentNanos: BigInt(row.spent_nanos),
    returnedNanos: BigInt(row.returned_nanos),
    lateNanos: BigInt(row.late_nanos),
    closed: row.closed_at !== null,
  }));
}

/** Spend by campaign, day and arm, late bills included, also those that no grant took. Key: `campaign|day|arm`. */
export async function spentByArm(
  manager: EntityManager,
  campaignIds: readonly string[],
  days: readonly string[],
): Promise<Map<string, bigint>> {
  const rows = (await manager.query(
    `SELECT campaign_id, day::text AS day, arm, sum(nanos) AS spent FROM (
       SELECT campaign_id, day, arm, spent_nanos + late_nanos AS nanos FROM budget_grant
       UNION ALL SELECT campaign_id, day, arm, paid_nanos FROM late_bill) AS charged
     WHERE campaign_id = ANY($1) AND day = ANY($2::date[]) GROUP BY 1, 2, 3`,
    [campaignIds, days],
  )) as { campaign_id: string; day: string; arm: Arm; spent: string }[];
  return new Map(rows.map((row) => [spentKey(row.campaign_id, row.day, row.arm), BigInt(row.spent)]));
}

export const spentKey = (campaignId: string, day: string, arm: Arm): string => `${campaignId}|${day}|${arm}`;

export async function insertGrants(manager: EntityManager, grants: readonly GrantRow[]): Promise<void> {
  if (grants.length === 0) return;
  await manager.query(
    `INSERT INTO budget_grant (grant_id, campaign_id, edge_id, boot_id, arm, day, amount_nanos, outage_nanos, day_plan_nanos,
       day_spent_nanos, issued_at, expires_at)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::date[], $7::bigint[], $8::bigint[],
       $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[])`,
    [
      grants.map((grant) => grant.grantId),
      grants.map((grant) => grant.campaignId),
      grants.map((grant) => grant.edgeId),
      grants.map((grant) => grant.bootId),
      grants.map((grant) => grant.arm),
      grants.map((grant) => grant.day),
      grants.map((grant) => grant.amountNanos.toString()),
      grants.map((grant) => grant.outageNanos.toString()),
      grants.map((grant) => grant.dayPlanNanos.toString()),
      grants.map((grant) => grant.daySpentNanos.toString()),
      grants.map((grant) => new Date(grant.issuedAtMs)),
      grants.map((grant) => new Date(grant.expiresAtMs)),
    ],
  );
}

/** Writes what became of grants: spent, returned, late, closed, what they still keep for outages, and the plan they carry. */
export async function updateGrants(manager: EntityManager, grants: readonly GrantRow[], nowMs: number): Promise<void> {
  if (grants.length === 0) return;
  await manager.query(
    `UPDATE budget_grant AS g SET spent_nanos = r.spent, returned_nanos = r.returned, late_nanos = r.late,
       day_plan_nanos = r.day_plan, day_spent_nanos = r.day_spent, outage_nanos = r.outage,
       closed_at = CASE WHEN r.closed THEN coalesce(g.closed_at, $8::timestamptz) END
     FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[], $7::bigint[],
       $9::bigint[]) AS r (grant_id, spent, returned, late, closed, day_plan, day_spent, outage) WHERE g.grant_id = r.grant_id`,
    [
      grants.map((grant) => grant.grantId),
      grants.map((grant) => grant.spentNanos.toString()),
      grants.map((grant) => grant.returnedNanos.toString()),
      grants.map((grant) => grant.lateNanos.toString()),
      grants.map((grant) => grant.closed),
      grants.map((grant) => grant.dayPlanNanos.toString()),
      grants.map((grant) => grant.daySpentNanos.toString()),
      new Date(nowMs),
      grants.map((grant) => grant.outageNanos.toString()),
    ],
  );
}

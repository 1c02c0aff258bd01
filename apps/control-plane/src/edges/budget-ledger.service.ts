import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Arm } from '#domain/contracts/agent';
import type { BudgetGrant, GrantReport, LateBill } from '#domain/contracts/budget-lease';
import type { Campaign } from '#domain/contracts/campaign';
import { prefixedId } from '../prefixed-id';
import { ProblemError } from '../problems/problem-error';
import { type Account, BudgetBook } from './budget-book';
import { dayOutlook, dayPlan, type GrantSituation, planGrants, type PlannedGrant, planMoved } from './grant-plan';
import {
  campaignsOfGrants,
  type GrantRow,
  insertGrants,
  readGrants,
  spentByArm,
  spentKey,
  updateGrants,
} from './grant-repository';
import { placeLateBills } from './late-bill.repository';
import { bookLateBills, chargeLate } from './late-charges';

/** Time after its end in which a grant may still be settled by its edge before its rest goes back to the day. */
const SETTLE_GRACE_MS = 10 * 60_000;
const NANOS_PER_MICRO = 1_000n;

/** Key of one campaign's allocation for one day. */
export const allocationKey = (campaignId: string, day: string): string => `${campaignId}|${day}`;

/** What the ledger answers to a heartbeat. */
export interface LeaseAnswer {
  /** New grants, those whose answer was lost (the edge does not list them), and known ones whose day plan has moved. */
  grants: BudgetGrant[];
  /** Decision ids of the reported late bills that are in the books. */
  bookedLateBills: string[];
}

/** What one heartbeat asks of the ledger. */
export interface LeaseRequest {
  edgeId: string;
  bootId: string;
  nowMs: number;
  reports: readonly GrantReport[];
  lateBills?: readonly LateBill[];
  /** Campaigns that the edge serves. */
  campaigns: readonly Campaign[];
  /** 168 traffic shares of the champion's Budget policy. */
  trafficShares: readonly number[];
  /** Budget's allocations by `allocationKey`, micros: a day spends no more than this, nor than its campaign's bound. */
  allocations?: ReadonlyMap<string, number>;
  canaryShareBps: number;
  liveEdges: number;
  /** The edge shuts down: its reports are settled, and it is given nothing. */
  draining: boolean;
}

/**
 * Budgets by double entry. A grant leaves the day's account when it is made, so leases strand budget but never overspend it;
 * bills that arrive after their reservation was voided are real spend and are taken from what the next grant could have been.
 */
@Injectable()
export class BudgetLedger {
  constructor(private readonly database: DataSource) {}

  /**
   * Brings the flight's funding to `totalBudgetMicros`.
   * @throws ProblemError `conflict` when more than the new total has been allotted to days already.
   */
  async fund(manager: EntityManager, campaignId: string, totalBudgetMicros: number): Promise<void> {
    const funding: Account = { campaignId, kind: 'funding', day: null };
    const flight: Account = { campaignId, kind: 'flight', day: null };
    await manager.query(
      `INSERT INTO budget_account (account_id, campaign_id, kind) VALUES ($1, $3, 'funding'), ($2, $3, 'flight')
       ON CONFLICT DO NOTHING`,
      [`funding:${campaignId}`, `flight:${campaignId}`, campaignId],
    );
    const book = await BudgetBook.open(manager, [campaignId]);
    const [{ funded }] = (await manager.query(
      `SELECT coalesce(sum(amount_nanos), 0)::text AS funded FROM budget_entry
       WHERE account_id = $1 AND reason IN ('funded', 'defunded')`,
      [`flight:${campaignId}`],
    )) as [{ funded: string }];
    const delta = BigInt(totalBudgetMicros) * NANOS_PER_MICRO - BigInt(funded);
    if (-delta > book.balance(flight)) {
      throw new ProblemError('conflict', 'More than this total has been allotted to days already.', [
        { pointer: '/totalBudgetMicros', code: 'below-allotted', detail: 'is less than what is spent or allotted' },
      ]);
    }
    if (delta > 0n) book.move(funding, flight, delta, 'funded');
    else book.move(flight, funding, -delta, 'defunded');
    await book.write();
  }

  /**
   * Settles what the edge reports, closes what has run out, and tops its leases up, all in one transaction under the locks of
   * the campaigns' flights.
   */
  lease(request: LeaseRequest): Promise<LeaseAnswer> {
    return this.database.transaction(async (manager) => {
      const reported = request.reports.map((report) => report.grantId);
      const reportedCampaigns = await campaignsOfGrants(manager, reported);
      const late = await placeLateBills(manager, request.edgeId, request.lateBills ?? [], request.nowMs);
      const campaignIds = [...reportedCampaigns, ...request.campaigns.map((campaign) => campaign.campaignId)];
      campaignIds.push(...late.map((bill) => bill.campaignId));
      const book = await BudgetBook.open(manager, campaignIds);
      const grants = await readGrants(manager, campaignIds, reported);
      const changed = new Set([...settle(book, grants, request), ...expire(book, grants, request.nowMs)]);
      await updateGrants(manager, [...changed], request.nowMs);
      const bookedLateBills = await bookLateBills(manager, book, request.edgeId, late);
      if (request.draining) {
        await book.write();
        return { grants: [], bookedLateBills };
      }
      const { issued, replanned } = await this.topUp(manager, book, grants, request);
      await updateGrants(manager, replanned, request.nowMs);
      await insertGrants(manager, issued);
      await book.write();
      const known = new Set(reported);
      const unheard = grants.filter((grant) => isForEdge(grant, request) && !known.has(grant.grantId));
      return { grants: [...new Set([...unheard, ...replanned, ...issued])].map(toBudgetGrant), bookedLateBills };
    });
  }

  /** Balances of a campaign's accounts, open grants and late spend, for people. */
  async balances(campaignId: string): Promise<{
    accounts: { kind: string; day: string | null; balanceNanos: string }[];
    openGrants: number;
    lateNanos: string;
  }> {
    const accounts = (await this.database.query(
      `SELECT kind, day::text AS day, balance_nanos::text AS "balanceNanos" FROM budget_account
       WHERE campaign_id = $1 ORDER BY day NULLS FIRST, kind`,
      [campaignId],
    )) as { kind: string; day: string | null; balanceNanos: string }[];
    const [grants] = (await this.database.query(
      `SELECT count(*) FILTER (WHERE closed_at IS NULL)::integer AS open, (coalesce(sum(late_nanos), 0) +
         (SELECT coalesce(sum(paid_nanos), 0) FROM late_bill WHERE campaign_id = $1))::text AS late
       FROM budget_grant WHERE campaign_id = $1`,
      [campaignId],
    )) as { open: number; late: string }[];
    return { accounts, openGrants: grants?.open ?? 0, lateNanos: grants?.late ?? '0' };
  }

  private async topUp(
    manager: EntityManager,
    book: BudgetBook,
    grants: readonly GrantRow[],
    request: LeaseRequest,
  ): Promise<{ issued: GrantRow[]; replanned: GrantRow[] }> {
    const outlooks = request.campaigns.flatMap((campaign) => {
      const outlook = dayOutlook(campaign, request.trafficShares, request.nowMs);
      return outlook ? [{ campaign, outlook }] : [];
    });
    const ids = outlooks.map(({ campaign }) => campaign.campaignId);
    const spent = await spentByArm(manager, ids, [...new Set(outlooks.map(({ outlook }) => outlook.day))]);
    const issued: GrantRow[] = [];
    const replanned: GrantRow[] = [];
    for (const { campaign, outlook } of outlooks) {
      const { campaignId } = campaign;
      const allocated = request.allocations?.get(allocationKey(campaignId, outlook.day)) ?? Number.MAX_SAFE_INTEGER;
      const dailyBudgetNanos = BigInt(Math.min(campaign.dailyBudgetMicros, allocated)) * NANOS_PER_MICRO;
      allotDay(book, campaignId, outlook.day, dailyBudgetNanos);
      const spentOf = (arm: Arm): bigint => spent.get(spentKey(campaignId, outlook.day, arm)) ?? 0n;
      const situation: GrantSituation = {
        outlook,
        nowMs: request.nowMs,
        bidCapMicros: campaign.bidCapMicros,
        dailyBudgetNanos,
        spentNanos: { champion: spentOf('champion'), canary: spentOf('canary') },
        availableNanos: book.balance({ campaignId, kind: 'day', day: outlook.day }),
        canaryShareBps: request.canaryShareBps,
        liveEdges: request.liveEdges,
        held: heldBy(grants, campaignId, outlook.day, request),
      };
      const plan = planGrants(situation);
      const planned = plan.grants.map((grant) => issue(book, grant, campaignId, outlook.day, request));
      issued.push(...planned);
      const informed = new Set(planned.map((grant) => grant.arm));
      const moved = replan(situation, grants, campaignId, request).filter((grant) => !informed.has(grant.arm));
      replanned.push(...new Set([...moved, ...unlockHeld(situation, grants, plan.unlocked)]));
    }
    return { issued, replanned };
  }
}

/** Takes a planned grant out of its day and gives it its identity. */
function issue(book: BudgetBook, plan: PlannedGrant, campaignId: string, day: string, request: LeaseRequest): GrantRow {
  const grantId = prefixedId('grt', request.nowMs);
  const account: Account = { campaignId, kind: 'day', day };
  book.move(account, { ...account, kind: 'granted' }, plan.amountNanos, 'granted', grantId);
  return {
    ...plan,
    grantId,
    campaignId,
    edgeId: request.edgeId,
    bootId: request.bootId,
    day,
    issuedAtMs: request.nowMs,
    spentNanos: 0n,
    returnedNanos: 0n,
    lateNanos: 0n,
    closed: false,
  };
}

/** The newest open grant of each arm, with the new plan, where the plan has moved since the edge heard of it. */
function replan(
  situation: GrantSituation,
  grants: readonly GrantRow[],
  campaignId: string,
  request: LeaseRequest,
): GrantRow[] {
  const { day } = situation.outlook;
  const own = grants.filter(
    (grant) => grant.campaignId === campaignId && grant.day === day && isForEdge(grant, request),
  );
  return (['champion', 'canary'] as const).flatMap((arm) => {
    const newest = own.filter((grant) => grant.arm === arm).at(-1);
    if (!newest || !planMoved(newest.dayPlanNanos, dayPlan(situation, arm))) return [];
    return [withPlan(situation, newest)];
  });
}

/** The grants whose outage allowance has become larger than the rest of the day needs, with what they keep. */
function unlockHeld(
  situation: GrantSituation,
  grants: readonly GrantRow[],
  unlocked: ReadonlyMap<string, bigint>,
): GrantRow[] {
  return grants.flatMap((grant) => {
    const kept = unlocked.get(grant.grantId);
    if (kept === undefined) return [];
    grant.outageNanos = kept;
    return [withPlan(situation, grant)];
  });
}

/** Brings the plan that a grant carries up to date. */
function withPlan(situation: GrantSituation, grant: GrantRow): GrantRow {
  grant.dayPlanNanos = dayPlan(situation, grant.arm);
  // The edge adds what it spends from this grant by itself.
  grant.daySpentNanos = situation.spentNanos[grant.arm] - grant.spentNanos - grant.lateNanos;
  return grant;
}

/** Applies an edge's reports to its own grants; figures only grow, so an old report again changes nothing. */
function settle(book: BudgetBook, grants: readonly GrantRow[], request: LeaseRequest): GrantRow[] {
  const byId = new Map(grants.map((grant) => [grant.grantId, grant]));
  return request.reports.flatMap((report) => {
    const grant = byId.get(report.grantId);
    if (!grant || grant.edgeId !== request.edgeId) return [];
    const { campaignId, day, grantId } = grant;
    const granted: Account = { campaignId, kind: 'granted', day };
    const open = (): bigint => grant.amountNanos - grant.spentNanos - grant.returnedNanos;
    const spentMore = grown(report.spentNanos, grant.spentNanos);
    const spentInside = spentMore < open() ? spentMore : open();
    grant.spentNanos += spentInside;
    book.move(granted, { ...granted, kind: 'spent' }, spentInside, 'spent', grantId);
    const returned = grown(report.returnedNanos, grant.returnedNanos);
    const returnedInside = returned < open() ? returned : open();
    grant.returnedNanos += returnedInside;
    book.move(granted, { ...granted, kind: 'day' }, returnedInside, 'returned', grantId);
    // Spend that the grant no longer covers (it had expired and was taken back) is late like any voided reservation's.
    const late = grown(report.spentNanos + report.lateNanos, grant.spentNanos + grant.lateNanos);
    grant.lateNanos += late;
    chargeLate(book, grant, late);
    if (open() === 0n && report.closed) grant.closed = true;
    return [grant];
  });
}

/** Gives the rest of grants that ended long ago (their edge is gone) back to their day. */
function expire(book: BudgetBook, grants: readonly GrantRow[], nowMs: number): GrantRow[] {
  const over = grants.filter((grant) => !grant.closed && grant.expiresAtMs + SETTLE_GRACE_MS < nowMs);
  for (const grant of over) {
    const rest = grant.amountNanos - grant.spentNanos - grant.returnedNanos;
    const granted: Account = { campaignId: grant.campaignId, kind: 'granted', day: grant.day };
    book.move(granted, { ...granted, kind: 'day' }, rest, 'returned', grant.grantId);
    grant.returnedNanos += rest;
    grant.closed = true;
  }
  return over;
}

/**
 * Moves money between flight and day until the day holds its budget (what it granted and spent included), and back to the
 * flight whatever earlier days have left. Late bills paid by the flight count as the day's spend, so the day gives them back.
 */
function allotDay(book: BudgetBook, campaignId: string, today: string, dailyBudgetNanos: bigint): void {
  const flight: Account = { campaignId, kind: 'flight', day: null };
  for (const account of book.accounts) {
    if (account.campaignId !== campaignId || account.kind !== 'day' || account.day === null) continue;
    if (account.day < today) book.move(account, flight, book.balance(account), 'unallotted');
  }
  const of = (kind: 'day' | 'granted' | 'spent'): Account => ({ campaignId, kind, day: today });
  const allotted = book.balance(of('day')) + book.balance(of('granted')) + book.balance(of('spent'));
  const more = dailyBudgetNanos - allotted;
  if (more > 0n) {
    const has = book.balance(flight);
    book.move(flight, of('day'), more < has ? more : has, 'allotted');
  } else {
    const has = book.balance(of('day'));
    book.move(of('day'), flight, -more < has ? -more : has, 'unallotted');
  }
}

/** Open grants of one campaign and day that this process of the edge holds, with what is free in them. */
function heldBy(grants: readonly GrantRow[], campaignId: string, day: string, request: LeaseRequest) {
  const reserved = new Map(request.reports.map((report) => [report.grantId, BigInt(report.reservedNanos)]));
  return grants
    .filter((grant) => grant.campaignId === campaignId && grant.day === day && grant.edgeId === request.edgeId)
    .filter((grant) => !grant.closed && (grant.bootId === request.bootId || reserved.has(grant.grantId)))
    .map((grant) => {
      const outstanding = grant.amountNanos - grant.spentNanos - grant.returnedNanos;
      const open = outstanding - (reserved.get(grant.grantId) ?? 0n);
      return { ...grant, freeNanos: open > 0n ? open : 0n };
    });
}

/** Whether a grant is alive and was made for this boot of the edge. */
function isForEdge(grant: GrantRow, request: LeaseRequest): boolean {
  if (grant.closed || grant.expiresAtMs <= request.nowMs) return false;
  return grant.edgeId === request.edgeId && grant.bootId === request.bootId;
}

function toBudgetGrant(grant: GrantRow): BudgetGrant {
  return {
    grantId: grant.grantId,
    campaignId: grant.campaignId,
    arm: grant.arm,
    day: grant.day,
    amountNanos: Number(grant.amountNanos),
    outageNanos: Number(grant.outageNanos),
    expiresAtMs: grant.expiresAtMs,
    dayPlanNanos: Number(grant.dayPlanNanos),
    daySpentNanos: Number(grant.daySpentNanos),
  };
}

/** Growth of a cumulative figure, never negative. */
function grown(reported: number, stored: bigint): bigint {
  const now = BigInt(reported);
  return now > stored ? now - stored : 0n;
}

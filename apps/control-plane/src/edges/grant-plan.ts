import { ZoneClock } from '#domain/calendar/zone-clock';
import type { Arm } from '#domain/contracts/agent';
import type { Campaign } from '#domain/contracts/campaign';

/** Length of planned spend in a lease (edge.md, "Budget leases"). */
const LEASE_MS = 15 * 60_000;
/** Time without a control plane that the outage allowance covers, at half the planned rate. */
const OUTAGE_MS = 6 * 3_600_000;
const OUTAGE_RATE = 0.5;
/** Share of the day's unspent budget that no allowance takes: edges that start one after another must leave something for leases. */
const LEASES_ONLY = 0.25;
/** A canary ends two minutes after the control plane falls silent: its leases need no allowance and no long life. */
const CANARY_GRANT_MS = 30 * 60_000;
/** Impressions at the bid cap that a lease covers at least, so that open reservations do not starve a small campaign. */
const MIN_LEASE_IMPRESSIONS = 50n;
/** A lease is topped up when less than this share of it is free. */
const TOP_UP_BELOW = 0.75;
/** The allowance for outages is large and shrinks as the day ends: it is restored when half is gone. */
const ALLOWANCE_BELOW = 0.5;
/** An hour plans at least this share of an average hour's traffic: a profile learnt from few data must not starve it. */
const MIN_HOUR_WEIGHT = 0.25 / 168;

/** The rest of a campaign's day in its own time zone. */
export interface DayOutlook {
  day: string;
  /** Epoch ms at which the day or the flight ends, whichever is first. */
  endMs: number;
  /** Share of the rest of the day's planned traffic that falls into the next 15 minutes, and into the next 6 hours. */
  leaseShare: number;
  outageShare: number;
}

/**
 * The campaign's day at `nowMs`, or null outside its flight. `trafficShares` are 168 shares by hour of week.
 * Hours outside its dayparting weigh nothing.
 */
export function dayOutlook(campaign: Campaign, trafficShares: readonly number[], nowMs: number): DayOutlook | null {
  const flightEndMs = Date.parse(campaign.endAt);
  if (nowMs < Date.parse(campaign.startAt) || nowMs >= flightEndMs) return null;
  const clock = new ZoneClock(campaign.timeZone);
  const { day } = clock.at(nowMs);
  const open = new Set(campaign.dayparting);
  let [rest, lease, outage] = [0, 0, 0];
  let at = nowMs;
  for (;;) {
    const local = clock.at(at);
    if (local.day !== day || at >= flightEndMs) break;
    const until = Math.min(at + 3_600_000 - local.msIntoHour, flightEndMs);
    const bids = open.size === 0 || open.has(local.hourOfWeek);
    const perMs = bids ? Math.max(trafficShares[local.hourOfWeek] ?? 0, MIN_HOUR_WEIGHT) / 3_600_000 : 0;
    rest += perMs * (until - at);
    lease += perMs * Math.max(0, Math.min(until, nowMs + LEASE_MS) - at);
    outage += perMs * Math.max(0, Math.min(until, nowMs + OUTAGE_MS) - at);
    at = until;
  }
  if (rest === 0) return { day, endMs: at, leaseShare: 0, outageShare: 0 };
  return { day, endMs: at, leaseShare: lease / rest, outageShare: outage / rest };
}

/** One open grant of the edge, as reported last. Nanos. */
export interface HeldGrant {
  grantId: string;
  arm: Arm;
  freeNanos: bigint;
  outageNanos: bigint;
  expiresAtMs: number;
}

export interface GrantSituation {
  outlook: DayOutlook;
  nowMs: number;
  bidCapMicros: number;
  dailyBudgetNanos: bigint;
  /** Spent today fleet-wide by arm, nanos. */
  spentNanos: Record<Arm, bigint>;
  /** What the day's account still has to give, nanos. */
  availableNanos: bigint;
  /** Share of users in the canary, basis points. */
  canaryShareBps: number;
  /** Edges among which the plan is divided, >= 1. */
  liveEdges: number;
  /** Open grants of this edge for this campaign and day. */
  held: readonly HeldGrant[];
}

export interface PlannedGrant {
  arm: Arm;
  amountNanos: bigint;
  outageNanos: bigint;
  dayPlanNanos: bigint;
  daySpentNanos: bigint;
  expiresAtMs: number;
}

/** What an edge is given: new grants, and held ones that need to keep less back for an outage (grant id -> allowance left). */
export interface GrantPlan {
  grants: PlannedGrant[];
  unlocked: Map<string, bigint>;
}

/**
 * Brings an edge's leases back to 15 minutes of planned spend per arm plus the outage allowance, never with more than the day
 * still has. The champion's allowance covers the canary's users too, because they fall to it in an outage. An allowance
 * that has outgrown the rest of the day feeds the lease first, or the day would end with it unspent; and both arms' leases come
 * before any allowance, or a canary would starve of what is only kept.
 */
export function planGrants(situation: GrantSituation): GrantPlan {
  const { outlook, spentNanos, dailyBudgetNanos, canaryShareBps, availableNanos } = situation;
  const plan: GrantPlan = { grants: [], unlocked: new Map() };
  const unspent = max(0n, dailyBudgetNanos - spentNanos.champion - spentNanos.canary);
  if (outlook.leaseShare === 0 || unspent === 0n) return plan;
  const edges = BigInt(Math.max(1, situation.liveEdges));
  const floor = BigInt(situation.bidCapMicros) * MIN_LEASE_IMPRESSIONS;
  const needs: Need[] = [];
  for (const arm of ['champion', 'canary'] as const) {
    const share = (arm === 'canary' ? canaryShareBps : 10_000 - canaryShareBps) / 10_000;
    if (share === 0) continue;
    const lease = max(floor, scale(unspent, outlook.leaseShare * share) / edges);
    const outage = arm === 'canary' ? 0n : scale(unspent, outlook.outageShare * OUTAGE_RATE) / edges;
    needs.push(needOf(situation, arm, lease, outage, plan.unlocked));
  }
  const leases = sum(needs.map((need) => need.leaseNanos));
  let rest = max(0n, availableNanos - leases - scale(unspent, LEASES_ONLY));
  for (const { arm, leaseNanos, outageNanos: wanted } of needs) {
    const lease = leases <= availableNanos ? leaseNanos : (leaseNanos * availableNanos) / leases;
    const outageNanos = min(wanted, rest);
    rest -= outageNanos;
    const amountNanos = lease + outageNanos;
    if (amountNanos === 0n) continue;
    const expiresAtMs = Math.min(
      outlook.endMs,
      situation.nowMs + (arm === 'canary' ? CANARY_GRANT_MS : LEASE_MS + OUTAGE_MS),
    );
    const daySpentNanos = spentNanos[arm];
    plan.grants.push({
      arm,
      amountNanos,
      outageNanos,
      dayPlanNanos: dayPlan(situation, arm),
      daySpentNanos,
      expiresAtMs,
    });
  }
  return plan;
}

/**
 * What the arm should have spent by the end of the day: its spend so far and its share of what is unspent. When shares
 * change, the remainder is thereby split anew.
 */
export function dayPlan(
  situation: Pick<GrantSituation, 'spentNanos' | 'dailyBudgetNanos' | 'canaryShareBps'>,
  arm: Arm,
): bigint {
  const { spentNanos, dailyBudgetNanos, canaryShareBps } = situation;
  const unspent = max(0n, dailyBudgetNanos - spentNanos.champion - spentNanos.canary);
  return spentNanos[arm] + scale(unspent, (arm === 'canary' ? canaryShareBps : 10_000 - canaryShareBps) / 10_000);
}

/** Whether two plans differ by more than 2 %: then the edge must hear of the new one. */
export function planMoved(a: bigint, b: bigint): boolean {
  const difference = a > b ? a - b : b - a;
  return difference * 50n > max(a, b);
}

/** What an arm must still be given. */
interface Need {
  arm: Arm;
  leaseNanos: bigint;
  outageNanos: bigint;
}

/** What is missing from the arm's lease and allowance; nothing while both are full enough. Notes what held grants unlock. */
function needOf(
  situation: GrantSituation,
  arm: Arm,
  leaseNanos: bigint,
  outageNanos: bigint,
  unlocked: Map<string, bigint>,
): Need {
  const { nowMs, outlook } = situation;
  // A grant about to end before the day does is replaced early.
  const held = situation.held.filter(
    (grant) => grant.arm === arm && grant.expiresAtMs > Math.min(nowMs + 60_000, outlook.endMs - 1),
  );
  const freeOutage = sum(held.map((grant) => min(grant.freeNanos, grant.outageNanos)));
  const freeLease = sum(held.map((grant) => max(0n, grant.freeNanos - grant.outageNanos)));
  const low = freeLease < scale(leaseNanos, TOP_UP_BELOW) || freeOutage < scale(outageNanos, ALLOWANCE_BELOW);
  if (!low) return { arm, leaseNanos: 0n, outageNanos: 0n };
  const missing = max(0n, leaseNanos - freeLease);
  const surplus = min(missing, max(0n, freeOutage - outageNanos));
  unlock(held, surplus, unlocked);
  return { arm, leaseNanos: missing - surplus, outageNanos: max(0n, outageNanos - freeOutage) };
}

/** Takes `nanos` out of what the held grants keep back for an outage, those that end first before the others. */
function unlock(held: readonly HeldGrant[], nanos: bigint, unlocked: Map<string, bigint>): void {
  let rest = nanos;
  for (const { grantId, freeNanos, outageNanos } of [...held].sort((a, b) => a.expiresAtMs - b.expiresAtMs)) {
    if (rest === 0n) return;
    const kept = min(freeNanos, outageNanos);
    const taken = min(rest, kept);
    rest -= taken;
    if (taken > 0n) unlocked.set(grantId, kept - taken);
  }
}

/** `value` × `share`, rounded down; exact enough for shares with nine digits. */
function scale(value: bigint, share: number): bigint {
  return (value * BigInt(Math.floor(Math.max(0, share) * 1e9))) / 1_000_000_000n;
}

const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

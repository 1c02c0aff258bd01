import { ZoneClock } from '#domain/calendar/zone-clock';
import type { Arm } from '#domain/contracts/agent';
import type { Campaign } from '#domain/contracts/campaign';

/** Length of planned spend in a lease (edge.md, "Budget leases"). */
const LEASE_MS = 15 * 60_000;
/** Time without a control plane that the outage allowance covers, at half the planned rate. */
const OUTAGE_MS = 6 * 3_600_000;
const OUTAGE_RATE = 0.5;
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

/**
 * Grants that bring an edge's leases back to 15 minutes of planned spend per arm plus the outage allowance, never more than
 * the day still has. The champion's allowance covers the canary's users too, because they fall to it in an outage.
 */
export function planGrants(situation: GrantSituation): PlannedGrant[] {
  const { outlook, spentNanos, dailyBudgetNanos, canaryShareBps } = situation;
  const unspent = max(0n, dailyBudgetNanos - spentNanos.champion - spentNanos.canary);
  if (outlook.leaseShare === 0 || unspent === 0n) return [];
  const edges = BigInt(Math.max(1, situation.liveEdges));
  const canaryShare = canaryShareBps / 10_000;
  const floor = BigInt(situation.bidCapMicros) * MIN_LEASE_IMPRESSIONS;
  let available = situation.availableNanos;
  const grants: PlannedGrant[] = [];
  for (const arm of ['champion', 'canary'] as const) {
    const share = arm === 'canary' ? canaryShare : 1 - canaryShare;
    if (share === 0) continue;
    const lease = max(floor, scale(unspent, outlook.leaseShare * share) / edges);
    const outage = arm === 'canary' ? 0n : scale(unspent, outlook.outageShare * OUTAGE_RATE) / edges;
    const dayPlanNanos = dayPlan(situation, arm);
    const need = needOf(situation, arm, lease, outage);
    if (!need) continue;
    const amount = min(need.leaseNanos + need.outageNanos, available);
    if (amount === 0n) continue;
    available -= amount;
    const outageNanos = max(0n, amount - need.leaseNanos);
    const expiresAtMs = Math.min(
      outlook.endMs,
      situation.nowMs + (arm === 'canary' ? CANARY_GRANT_MS : LEASE_MS + OUTAGE_MS),
    );
    grants.push({ arm, amountNanos: amount, outageNanos, dayPlanNanos, daySpentNanos: spentNanos[arm], expiresAtMs });
  }
  return grants;
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

/** What is missing from the arm's lease and allowance, or null while both are full enough. */
function needOf(
  situation: GrantSituation,
  arm: Arm,
  leaseNanos: bigint,
  outageNanos: bigint,
): { leaseNanos: bigint; outageNanos: bigint } | null {
  const { nowMs, outlook } = situation;
  // A grant about to end before the day does is replaced early.
  const held = situation.held.filter(
    (grant) => grant.arm === arm && grant.expiresAtMs > Math.min(nowMs + 60_000, outlook.endMs - 1),
  );
  const freeOutage = sum(held.map((grant) => min(grant.freeNanos, grant.outageNanos)));
  const freeLease = sum(held.map((grant) => max(0n, grant.freeNanos - grant.outageNanos)));
  const low = freeLease < scale(leaseNanos, TOP_UP_BELOW) || freeOutage < scale(outageNanos, ALLOWANCE_BELOW);
  if (!low) return null;
  return { leaseNanos: max(0n, leaseNanos - freeLease), outageNanos: max(0n, outageNanos - freeOutage) };
}

/** `value` × `share`, rounded down; exact enough for shares with nine digits. */
function scale(value: bigint, share: number): bigint {
  return (value * BigInt(Math.floor(Math.max(0, share) * 1e9))) / 1_000_000_000n;
}

const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

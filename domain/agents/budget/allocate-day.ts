/** One campaign that wants a share of its advertiser's day. */
export interface AllocationClaim {
  campaignId: string;
  /** The advertiser's own bound: the campaign's daily budget, micros. */
  capMicros: number;
  /** What its recent spend brought, and that spend, nanos. */
  valueNanos: number;
  spendNanos: number;
  /** Share of its recent spend that went to segments announced as saturated, 0..1. */
  saturatedShare: number;
}

/**
 * Exponent of the assumed response: value of a budget b ∝ roi·b^α. Below 1, so that the next unit of money brings less than the last;
 * 0.7 is the usual elasticity of response to advertising spend (Lewis and Rao 2015 discuss how little data tell it apart).
 */
const ELASTICITY = 0.7;
/** Every campaign keeps this share of its proportional part: without spend there is nothing to learn from. */
const FLOOR_SHARE = 0.2;
/** Recent spend that counts as much as the prior "as good as the group", nanos: 5 units of money. */
const PRIOR_NANOS = 5e9;

/**
 * Splits `totalMicros` over an advertiser's campaigns by marginal value inside each one's bounds (agents.md, "Budget agent").
 * With value ∝ roi·b^α marginal values are equal where b ∝ roi^(1/(1−α)); who would pass a bound stays on it and the rest is
 * split again. Integer micros; never more than the total or a cap; the whole total when the caps allow it. Claims in any order
 * give the same split.
 */
export function allocateDay(claims: readonly AllocationClaim[], totalMicros: number): Map<string, number> {
  const sorted = [...claims].sort((a, b) => (a.campaignId < b.campaignId ? -1 : 1));
  const caps = sorted.reduce((sum, claim) => sum + claim.capMicros, 0);
  if (caps <= totalMicros) return new Map(sorted.map((claim) => [claim.campaignId, claim.capMicros]));
  const groupRoi = roiOf(sum(sorted, 'valueNanos'), sum(sorted, 'spendNanos'), 1);
  const weights = sorted.map((claim) => weightOf(claim, groupRoi));
  const floors = sorted.map((claim) => Math.floor((FLOOR_SHARE * claim.capMicros * totalMicros) / caps));
  const amounts = waterFill(
    weights,
    floors,
    sorted.map((claim) => claim.capMicros),
    totalMicros,
  );
  return new Map(sorted.map((claim, at) => [claim.campaignId, amounts[at] as number]));
}

const sum = (claims: readonly AllocationClaim[], name: 'valueNanos' | 'spendNanos'): number =>
  claims.reduce((total, claim) => total + claim[name], 0);

/** Value per spend, drawn toward `prior` while little was spent. */
const roiOf = (valueNanos: number, spendNanos: number, prior: number): number =>
  (valueNanos + prior * PRIOR_NANOS) / (spendNanos + PRIOR_NANOS);

function weightOf(claim: AllocationClaim, groupRoi: number): number {
  const fresh = 1 - Math.min(1, Math.max(0, claim.saturatedShare));
  const roi = Math.max(1e-6, roiOf(claim.valueNanos, claim.spendNanos, groupRoi) * fresh);
  // The larger campaign is the larger market: equal returns split in proportion to the budgets.
  return claim.capMicros * Math.pow(roi, 1 / (1 - ELASTICITY));
}

/** Amounts proportional to the weights, between floors and caps, that sum to the total (floors <= total <= caps). */
function waterFill(
  weights: readonly number[],
  floors: readonly number[],
  caps: readonly number[],
  total: number,
): number[] {
  const at = (level: number): number[] =>
    weights.map((weight, i) => Math.min(caps[i] as number, Math.max(floors[i] as number, Math.floor(weight * level))));
  const spent = (amounts: readonly number[]): number => amounts.reduce((a, b) => a + b, 0);
  let low = 0;
  let high = 1e-12;
  while (spent(at(high)) < total) high *= 2;
  for (let step = 0; step < 200 && spent(at(low)) < total; step += 1) {
    const middle = (low + high) / 2;
    if (spent(at(middle)) <= total) low = middle;
    else high = middle;
  }
  const amounts = at(low);
  // What flooring left over goes to those with room, in their order.
  let rest = total - spent(amounts);
  for (let i = 0; i < amounts.length && rest > 0; i += 1) {
    const more = Math.min(rest, (caps[i] as number) - (amounts[i] as number));
    amounts[i] = (amounts[i] as number) + more;
    rest -= more;
  }
  return amounts;
}

import type { AnswerMoments } from './answer-comparison';
import { quantile, type BootstrapOptions } from './bootstrap';
import { overlapRefusals, type ImportanceWeights, type OverlapRefusal } from './importance-weights';
import { normalQuantile } from './normal-distribution';

/** One logged bid: what it brought, and how it speaks for the other policy. */
export interface WeighedReward {
  /** Who saw it: rows of one user are resampled together. */
  user: string;
  /** How many bids of the log this one stands for, >= 1: rewarded bids are all read where possible, the others are thinned. */
  copies: number;
  /** What it brought, any unit; 0 when lost. */
  reward: number;
  /** Probability of what was seen under the other policy over that under the logging one. */
  weight: number;
  /** The agents' estimate of the impression if it was won, else 0. */
  wonValue: number;
  moments: AnswerMoments;
}

/** Fewest bids that say anything. */
export const MIN_LOGGED_BIDS = 200;
/** Fewest effective rewarded bids: below them a percentile interval covers too seldom (paired-off-policy.test.ts). */
export const MIN_EFFECTIVE_REWARDS = 30;

export interface PairedRefusal {
  code: OverlapRefusal['code'] | 'TOO_FEW_BIDS' | 'TOO_FEW_REWARDS';
  detail: string;
}

/** What a log says of another policy, relative to the one that wrote it. */
export interface PairedOffPolicy {
  /** Bids of the log that the rows stand for. */
  bids: number;
  users: number;
  rewarded: number;
  importanceWeights: ImportanceWeights;
  /** Rewarded bids that would say as much if every weight were 1. */
  effectiveRewards: number;
  unsupportedShare: number;
  refusals: PairedRefusal[];
  /** Value of the other policy over the logging one, minus 1, with its interval; null when refused. */
  estimate: { effect: number; lower: number; upper: number } | null;
}

/**
 * Relative effect of another policy on the reward of the same requests: Σwr / Σr + Σu / Σv − 1, where u is the agents' estimate of what the log
 * cannot show and v their estimate of what was won, which calibrates u to the rewards. Bids not made are the same under both policies and
 * cancel.
 *
 * The interval is the wider of two, end by end: a percentile bootstrap over users, numerator and denominator drawn together; and the normal
 * interval by the weights that could have been drawn. Where what the other policy gains is seldom logged, the weights that were drawn
 * look harmless, the estimate lies too low, and a bootstrap alone covers in 6 of 10 logs.
 * @param rows one per logged bid, any order
 */
export function pairedOffPolicy(rows: readonly WeighedReward[], options: BootstrapOptions): PairedOffPolicy {
  const totals = totalsOf(rows);
  const { bids, unsupported } = totals;
  const weights = weightsOf(rows, totals);
  const unsupportedShare = unsupported / Math.max(1, bids);
  const effectiveRewards = effectiveRewardsOf(totals);
  const rewarded = rows.filter(({ reward }) => reward !== 0).length;
  const refusals: PairedRefusal[] = [];
  if (bids < MIN_LOGGED_BIDS) {
    refusals.push({ code: 'TOO_FEW_BIDS', detail: `${bids} logged bids, ${MIN_LOGGED_BIDS} needed` });
  } else {
    refusals.push(...overlapRefusals(weights, bids, unsupportedShare));
    if (effectiveRewards < MIN_EFFECTIVE_REWARDS)
      refusals.push({
        code: 'TOO_FEW_REWARDS',
        detail: `${rewarded} rewarded bids are worth ${effectiveRewards.toFixed(1)} under these weights, ${MIN_EFFECTIVE_REWARDS} needed`,
      });
  }
  const users = sumsPerUser(rows);
  return {
    ...{ bids, users: users.length / SUMS, rewarded, importanceWeights: weights, effectiveRewards, unsupportedShare },
    refusals,
    estimate: refusals.length > 0 ? null : estimateOf(users, totals, options),
  };
}

/** Sums over the bids of the log. */
interface Totals extends AnswerMoments {
  bids: number;
  reward: number;
  squaredReward: number;
  wonValue: number;
}

function totalsOf(rows: readonly WeighedReward[]): Totals {
  const totals: Totals = {
    ...{ bids: 0, reward: 0, squaredReward: 0, wonValue: 0 },
    ...{ logging: 0, other: 0, squared: 0, unsupported: 0, unsupportedValue: 0 },
  };
  for (const { copies, reward, wonValue, moments } of rows) {
    totals.bids += copies;
    totals.reward += copies * reward;
    // Of thinned rewarded bids each stands for several at once: its square counts so.
    totals.squaredReward += (copies * reward) ** 2;
    totals.wonValue += copies * wonValue;
    for (const name of MOMENTS) totals[name] += copies * moments[name];
  }
  return totals;
}

const MOMENTS = ['logging', 'other', 'squared', 'unsupported', 'unsupportedValue'] as const;

/**
 * How much of the log is left when its rewards are weighed: Σ E r² / Σ E (wr)², at most 1, with E over what the logging policy may do. By the
 * logging policy's value, not by the other's: of one that wins nothing the log says so with certainty.
 */
const effectiveShare = ({ logging, squared }: Totals): number =>
  logging > 0 ? logging / Math.max(logging, squared) : 0;

/** Rewarded bids of equal size that the log is worth, (Σr)² / Σr², times what the weights leave. */
const effectiveRewardsOf = (totals: Totals): number =>
  totals.squaredReward > 0 ? (totals.reward ** 2 / totals.squaredReward) * effectiveShare(totals) : 0;

/** Standard error of Σwr/Σr by the delta method, E(wr − θr)² by the agents' estimate calibrated to the log. */
function standardErrorOf({ reward, squaredReward, wonValue, logging, other, squared }: Totals, ratio: number): number {
  const spread = Math.max(0, squared - 2 * ratio * other + ratio ** 2 * logging);
  return Math.sqrt((squaredReward * spread) / wonValue) / reward;
}

/** Weights of the bids that won; which weight a lost bid has is no matter. `ess` is an expectation, see `effectiveShare`. */
function weightsOf(rows: readonly WeighedReward[], totals: Totals): ImportanceWeights {
  const won = rows.filter(({ wonValue }) => wonValue > 0);
  const wins = won.reduce((sum, { copies }) => sum + copies, 0);
  return {
    mean: won.reduce((sum, { copies, weight }) => sum + copies * weight, 0) / Math.max(1, wins),
    max: won.reduce((max, { weight }) => Math.max(max, weight), 0),
    min: won.reduce((min, { weight }) => Math.min(min, weight), won[0]?.weight ?? 0),
    ess: totals.bids * effectiveShare(totals),
  };
}

/** Σwr, Σr, Σu, Σv. */
const SUMS = 4;

/** The four sums of each user, one after the other; users in the order of their first row. */
function sumsPerUser(rows: readonly WeighedReward[]): Float64Array {
  const places = new Map<string, number>();
  for (const { user } of rows) if (!places.has(user)) places.set(user, places.size);
  const sums = new Float64Array(places.size * SUMS);
  for (const { user, copies, weight, reward, moments, wonValue } of rows) {
    const at = (places.get(user) as number) * SUMS;
    sums[at] = (sums[at] as number) + copies * weight * reward;
    sums[at + 1] = (sums[at + 1] as number) + copies * reward;
    sums[at + 2] = (sums[at + 2] as number) + copies * moments.unsupportedValue;
    sums[at + 3] = (sums[at + 3] as number) + copies * wonValue;
  }
  return sums;
}

function estimateOf(sums: Float64Array, totals: Totals, { rng, resamples, level }: BootstrapOptions) {
  const users = sums.length / SUMS;
  const total = new Float64Array(SUMS);
  for (let user = 0; user < users; user += 1) addUser(total, sums, user);
  const effects = new Float64Array(resamples);
  const drawn = new Float64Array(SUMS);
  for (let b = 0; b < resamples; b += 1) {
    drawn.fill(0);
    for (let draw = 0; draw < users; draw += 1) addUser(drawn, sums, (rng() * users) | 0);
    effects[b] = effectOf(drawn);
  }
  effects.sort();
  const tail = (1 - level) / 2;
  const effect = effectOf(total);
  const half = normalQuantile(1 - tail) * standardErrorOf(totals, (total[0] as number) / totals.reward);
  return {
    effect,
    lower: Math.max(-1, Math.min(quantile(effects, tail), effect - half)),
    upper: Math.max(quantile(effects, 1 - tail), effect + half),
  };
}

function addUser(into: Float64Array, sums: Float64Array, user: number): void {
  for (let sum = 0; sum < SUMS; sum += 1) {
    into[sum] = (into[sum] as number) + (sums[user * SUMS + sum] as number);
  }
}

/** A resample without any reward says nothing either way. */
function effectOf(sums: Float64Array): number {
  const [weighted, reward, unsupported, won] = sums as unknown as [number, number, number, number];
  return (reward > 0 ? weighted / reward - 1 : 0) + (won > 0 ? unsupported / won : 0);
}

import { WEIGHTS, type WeightName } from '../contracts/weight-ranges';
import { boundedWeight, DAY_ROOM, type WeightMove } from './weight-bounds';

/** What the meta-agent sees of one campaign in a window of mature events. Money is nanos of the fleet's currency. */
export interface CampaignWatch {
  campaignId: string;
  impressions: number;
  /** Clicks of a CPC campaign, conversions of a CPA campaign. */
  goalEvents: number;
  spendNanos: number;
  /** What the goal events may cost at most: events × CPC goal or CPA target. */
  goalCostNanos: number;
  /** Planned spend of the window, or null where no plan says it. */
  plannedNanos: number | null;
  /** Impressions beyond the third in 24 h of one user and creative, or null where nobody counts them. */
  repeats: number | null;
  /** Values in force, and those of the policy that weights return to. */
  weights: Record<WeightName, number>;
  starts: Record<WeightName, number>;
  /** Changes of the last 7 days by weight, oldest first. */
  moves: Partial<Record<WeightName, WeightMove[]>>;
  /** The last change the meta-agent made, with the sums it saw then; null when there is none or it was taken back. */
  lastStep: { weight: WeightName; move: WeightMove; before: StepEvidence } | null;
  /** When a change was last taken back, epoch ms. */
  reversedAtMs: number | null;
}

/** Sums that a step was made on, to compare with afterwards. */
export interface StepEvidence {
  impressions: number;
  goalEvents: number;
  spendNanos: number;
}

/** One change that the policy wants: applied through the gates of autonomy. */
export interface WeightStep {
  kind: 'step' | 'reversal';
  campaignId: string;
  weight: WeightName;
  from: number;
  to: number;
  reason: string;
  before: StepEvidence;
}

export interface WeightSettings {
  /** Least time between two changes of a campaign, at least one pacing window (1/48 day). */
  coolDownMs: number;
  /** Share of impressions that may be repeated exposure. */
  repeatLimit: number;
}
export const WEIGHT_SETTINGS: WeightSettings = { coolDownMs: 30 * 60_000, repeatLimit: 0.15 };

/** Dual step per unit of violation, as a share of the weight's range. */
const GAIN = 0.1;
/** One decision takes at most a quarter of a day's room: the integrator is slow, and four windows may still correct it. */
const STEP_ROOM = DAY_ROOM / 4;
const MIN_EVENTS = 30;
const Z = 1.96;
const AFTER_REVERSAL_MS = 86_400_000;
/** How long a step is watched, and what fall of its guardrail takes it back: effect and significance both. */
const WATCH_MS = 86_400_000;
const FALL = { share: 0.15, standardErrors: 4 };

/** A measured ratio with its interval. */
interface Measured {
  value: number;
  lower: number;
  upper: number;
}

/** A counted ratio: its relative standard error is 1/√events. */
function measured(value: number, events: number): Measured {
  const half = Z / Math.sqrt(events);
  return { value, lower: value * Math.exp(-half), upper: value * Math.exp(half) };
}

/**
 * Bounded dual ascent on one campaign: λ ← clip(λ + η(ĉ − limit), 0, λ_max), λ the way from the policy's own value. Nothing changes
 * while the interval of ĉ contains the limit, with too few events, in the cool-down, or after a reversal. Null = no change.
 * One weight per campaign: the constraint that is violated most clearly. Source: control-plane.md "Meta-agent", agents.md "Weights".
 */
export function judgeCampaignWeights(
  watch: CampaignWatch,
  nowMs: number,
  settings: WeightSettings = WEIGHT_SETTINGS,
): WeightStep | null {
  const reversal = reversalOf(watch, nowMs, settings);
  if (reversal !== null) return reversal;
  if (isResting(watch, nowMs, settings)) return null;
  const wishes = [kMaxWish(watch), fatigueWish(watch, settings)].filter((wish) => wish !== null);
  wishes.sort((a, b) => b.clarity - a.clarity);
  for (const { weight, error, target, reason } of wishes) {
    const current = watch.weights[weight];
    const span = WEIGHTS[weight].most - WEIGHTS[weight].least;
    const dual = current + GAIN * span * error;
    // A weight that goes back stops at the policy's own value: λ is not negative.
    const clipped = error > 0 ? Math.min(dual, Math.max(current, target)) : Math.max(dual, Math.min(current, target));
    const to = boundedWeight(weight, current, slowly(current, clipped), watch.moves[weight] ?? [], nowMs);
    if (!(Math.abs(to - current) > 1e-6 * span)) continue;
    const { campaignId } = watch;
    return { kind: 'step', campaignId, weight, from: current, to, reason, before: evidenceOf(watch) };
  }
  return null;
}

function isResting(watch: CampaignWatch, nowMs: number, { coolDownMs }: WeightSettings): boolean {
  if (watch.reversedAtMs !== null && nowMs - watch.reversedAtMs < AFTER_REVERSAL_MS) return true;
  const times = Object.values(watch.moves).flatMap((moves) => moves.map((move) => move.atMs));
  return times.some((atMs) => nowMs - atMs < coolDownMs);
}

/** One wished-for change: `error` says how far and which way (in units of the limit), `target` where it ends at the latest. */
interface Wish {
  weight: WeightName;
  error: number;
  target: number;
  clarity: number;
  reason: string;
}

/** k_max falls while the goal costs more than it may; it rises when the goal is kept but too little is spent. */
function kMaxWish(watch: CampaignWatch): Wish | null {
  if (watch.goalEvents < MIN_EVENTS || !(watch.goalCostNanos > 0) || !(watch.spendNanos > 0)) return null;
  const { least, most } = WEIGHTS.kMax;
  const cost = measured(watch.spendNanos / watch.goalCostNanos, watch.goalEvents);
  const current = watch.weights.kMax;
  const start = watch.starts.kMax;
  if (cost.lower > 1) {
    const reason = `cost is ${said(cost)} times what the goal allows: k_max falls`;
    return { weight: 'kMax', error: -clip(cost.value - 1), target: least, clarity: clarityOf(cost, 1), reason };
  }
  if (cost.upper >= 1) return null;
  const spend = spendShare(watch);
  const floor = watch.weights.spendFloor;
  if (spend !== null && spend.upper < floor) {
    const reason = `spend is ${said(spend)} of plan, floor ${floor.toFixed(2)}, and the goal is kept: k_max rises`;
    return { weight: 'kMax', error: clip(floor - spend.value), target: most, clarity: clarityOf(spend, floor), reason };
  }
  if (current < start) {
    const reason = `cost is ${said(cost)} times what the goal allows: k_max goes back towards ${start.toFixed(2)}`;
    return { weight: 'kMax', error: clip(1 - cost.value), target: start, clarity: clarityOf(cost, 1), reason };
  }
  if (current > start && spend !== null && spend.lower > 1) {
    const reason = `spend is ${said(spend)} of plan: k_max goes back towards ${start.toFixed(2)}`;
    return { weight: 'kMax', error: -clip(spend.value - 1), target: start, clarity: clarityOf(spend, 1), reason };
  }
  return null;
}

function spendShare(watch: CampaignWatch): Measured | null {
  if (watch.plannedNanos === null || !(watch.plannedNanos > 0) || watch.impressions < MIN_EVENTS) return null;
  return measured(watch.spendNanos / watch.plannedNanos, watch.impressions);
}

/** w_fatigue rises while too many impressions are repeated exposure, and goes back when they are few. */
function fatigueWish(watch: CampaignWatch, { repeatLimit }: WeightSettings): Wish | null {
  if (watch.repeats === null || watch.impressions < MIN_EVENTS) return null;
  // At least one, so that an interval exists: no repeats of 30 impressions prove little.
  const repeats = measured(Math.max(1, watch.repeats) / watch.impressions, Math.max(1, watch.repeats));
  const clarity = clarityOf(repeats, repeatLimit);
  const start = watch.starts.wFatigue;
  if (repeats.lower > repeatLimit) {
    const reason = `repeated exposure is ${said(repeats)} of impressions, limit ${repeatLimit}: w_fatigue rises`;
    const error = clip((repeats.value - repeatLimit) / repeatLimit);
    return { weight: 'wFatigue', error, target: WEIGHTS.wFatigue.most, clarity, reason };
  }
  if (repeats.upper < repeatLimit && watch.weights.wFatigue > start) {
    const reason = `repeated exposure is ${said(repeats)} of impressions, limit ${repeatLimit}: w_fatigue goes back`;
    const error = clip((repeats.value - repeatLimit) / repeatLimit);
    return { weight: 'wFatigue', error, target: start, clarity, reason };
  }
  return null;
}

const said = (m: Measured): string => `${m.value.toFixed(2)} (${m.lower.toFixed(2)} to ${m.upper.toFixed(2)})`;

/** Anti-windup: one violation counts as at most once the limit, however long it lasts. */
const clip = (error: number): number => Math.min(1, Math.max(-1, error));

/** Distance of the estimate from the limit in half-widths. */
const clarityOf = (m: Measured, limit: number): number =>
  Math.abs(Math.log(m.value / limit)) / Math.log(m.upper / m.value);

function slowly(current: number, wanted: number): number {
  return boundedFactor(current, wanted, Math.exp(STEP_ROOM));
}

function boundedFactor(current: number, wanted: number, factor: number): number {
  const base = Math.max(current, 0.01);
  return Math.min(base * factor, Math.max(Math.min(current, base / factor), wanted));
}

const evidenceOf = ({ impressions, goalEvents, spendNanos }: CampaignWatch): StepEvidence => ({
  impressions,
  goalEvents,
  spendNanos,
});

/** Takes the last step back when, since it, goal events per spend or per impression fell by a large and significant share. */
function reversalOf(watch: CampaignWatch, nowMs: number, { coolDownMs }: WeightSettings): WeightStep | null {
  const step = watch.lastStep;
  if (step === null) return null;
  const age = nowMs - step.move.atMs;
  if (age < coolDownMs || age > WATCH_MS) return null;
  const fall =
    fallOf('goal events per spend', step.before, watch, 'spendNanos') ??
    fallOf('goal events per impression', step.before, watch, 'impressions');
  if (fall === null) return null;
  return {
    kind: 'reversal',
    campaignId: watch.campaignId,
    weight: step.weight,
    from: watch.weights[step.weight],
    to: step.move.from,
    reason: `${fall} since ${step.weight} went from ${step.move.from.toPrecision(4)} to ${step.move.to.toPrecision(4)}: taken back`,
    before: evidenceOf(watch),
  };
}

function fallOf(
  name: string,
  before: StepEvidence,
  now: StepEvidence,
  per: 'spendNanos' | 'impressions',
): string | null {
  if (!(before[per] > 0) || !(now[per] > 0) || before.goalEvents < MIN_EVENTS) return null;
  const expected = (before.goalEvents / before[per]) * now[per];
  if (expected < MIN_EVENTS) return null;
  const change = now.goalEvents / expected - 1;
  const z = (now.goalEvents - expected) / Math.sqrt(expected * (1 + now[per] / before[per]));
  if (change > -FALL.share || z > -FALL.standardErrors) return null;
  return `${name} fell by ${(-change * 100).toFixed(1)} % (${(-z).toFixed(1)} standard errors)`;
}

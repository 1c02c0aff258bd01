import type { PlanStage, RolloutPlan } from '../contracts';
import type { Rng } from '../evaluation/bootstrap';
import { anytimeHalfWidth } from '../evaluation/confidence-sequence';
import { estimateRatioOf, type UnitTotals } from '../evaluation/ratio-metric';
import { seededNormal } from '../evaluation/seeded-random';
import { CATASTROPHE_MARGIN, CATASTROPHE_MIN_EVENTS } from './catastrophe-lane';
import { designEffectOf, inferiorAlphaOf, primaryOf, relativePriorVariance, servedShare } from './design-effect';
import { spoken } from './look-sentence';
import { MIN_BUCKETS } from './metric-test';
import type { PlanFault } from './plan-lint';

/** Share of paths that must end as they should. */
export const FEASIBLE_SHARE = 0.95;
/** At most so many looks a stage are walked; a denser plan is walked on a geometric grid that holds its hold and its end. */
const MAX_LOOKS = 60;

/** Traffic the planner assumes. */
export interface TrafficForecast {
  /** Primary events per second of the whole fleet at the control's rate. */
  primaryPerSecond: number;
  /** Default: DEFAULT_DISPERSION per event, no returning users. */
  dispersion?: Dispersion;
  rng: Rng;
  /** Default 10,000. */
  paths?: number;
}

/** Mean seconds in canary stages until the rollout ends, at the design's better effect and at its worse; approvals not counted. */
export interface ExpectedSeconds {
  better: number;
  worse: number;
}

/** What the paths say. */
export interface Feasibility {
  feasible: boolean;
  /** Share of paths that end non-inferior at the design's better effect, and inferior at its worse one. */
  nonInferiorShare: number;
  inferiorShare: number;
  expectedSeconds: ExpectedSeconds;
  effect: { better: number; worse: number };
  paths: number;
  /** One fault per missed aim; a plan that waives the check may start all the same. */
  faults: PlanFault[];
}

/** Fewer events than this and a dispersion is guessed, not measured. */
const MIN_DISPERSION_EVENTS = 1000;
/** Assumed when it cannot be measured; a Poisson count has 1. */
export const DEFAULT_DISPERSION = 1.5;

/** Variance of a primary sum over that of a Poisson count, `perEvent` + `perSecond` · the seconds that users could return in. */
export interface Dispersion {
  perEvent: number;
  /** Users differ and return: what each of them is like stays, however long one looks. */
  perSecond: number;
}

/** One period's sums by user bucket of one arm. */
export interface DispersionSample {
  buckets: readonly UnitTotals[];
  events: number;
  seconds: number;
}

/** Dispersion from a short and a long period of the same traffic; the default where too little was seen. */
export function measuredDispersion(short: DispersionSample, long: DispersionSample): Dispersion {
  const [atShort, atLong] = [dispersionOf(short), dispersionOf(long)];
  if (atLong === null) return { perEvent: DEFAULT_DISPERSION, perSecond: 0 };
  if (atShort === null || !(long.seconds > short.seconds)) return { perEvent: Math.max(1, atLong), perSecond: 0 };
  const perSecond = Math.max(0, (atLong - atShort) / (long.seconds - short.seconds));
  return { perEvent: Math.max(1, atShort - perSecond * short.seconds), perSecond };
}

/** Relative variance of the ratio times its events; null with too few buckets or events. */
function dispersionOf({ buckets, events }: DispersionSample): number | null {
  if (buckets.length < MIN_BUCKETS || events < MIN_DISPERSION_EVENTS) return null;
  const estimate = estimateRatioOf(buckets);
  return estimate && estimate.ratio > 0 ? (events * estimate.variance) / estimate.ratio ** 2 : null;
}

type PathEnd = 'non-inferior' | 'inferior' | 'undecided';

interface WalkedStage {
  times: number[];
  share: number;
  stage: PlanStage;
}

interface Walk {
  plan: RolloutPlan;
  stages: WalkedStage[];
  rate: number;
  dispersion: Dispersion;
  prior: number;
  margin: number;
  inferiorAlpha: number;
  normal: () => number;
}

/**
 * Walks seeded Brownian paths of both arms' primary sums over the plan's looks, with the plan's own rules: non-inferior at
 * least by its sample minima and hold, inferior at any look, undecided at a horizon. Feasible when >= 95 % end non-inferior at
 * the better design effect and >= 95 % inferior at the worse one (control-plane.md, "Rollout").
 */
export function planFeasibility(plan: RolloutPlan, forecast: TrafficForecast): Feasibility {
  const paths = forecast.paths ?? 10_000;
  const effect = designEffectOf(plan);
  const walk: Walk = {
    plan,
    stages: plan.stages
      .filter((stage) => stage.kind === 'canary')
      .map((stage) => ({ stage, share: servedShare(stage), times: lookTimes(stage, plan.lookEverySeconds) })),
    rate: forecast.primaryPerSecond,
    dispersion: forecast.dispersion ?? { perEvent: DEFAULT_DISPERSION, perSecond: 0 },
    prior: relativePriorVariance(plan),
    margin: primaryOf(plan)?.margin ?? 0.05,
    inferiorAlpha: inferiorAlphaOf(plan),
    normal: seededNormal(forecast.rng),
  };
  const better = walkPaths(walk, effect.better, paths);
  const worse = walkPaths(walk, effect.worse, paths);
  const nonInferiorShare = better['non-inferior'] / paths;
  const inferiorShare = worse.inferior / paths;
  const expectedSeconds = { better: better.seconds / paths, worse: worse.seconds / paths };
  const found = { nonInferiorShare, inferiorShare, effect, expectedSeconds };
  const faults = faultsOf(found, forecast.primaryPerSecond);
  return { feasible: faults.length === 0, nonInferiorShare, inferiorShare, expectedSeconds, effect, paths, faults };
}

function faultsOf(
  found: Pick<Feasibility, 'nonInferiorShare' | 'inferiorShare' | 'effect' | 'expectedSeconds'>,
  primaryPerSecond: number,
): PlanFault[] {
  const faults: PlanFault[] = [];
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
  const add = (what: string, effect: number, share: number, seconds: number) =>
    faults.push({
      pointer: '/stages',
      code: 'INFEASIBLE',
      detail:
        `at ${primaryPerSecond} primary events/s only ${percent(share)} of rollouts with a true effect of ` +
        `${percent(effect)} end ${what} before their horizon, after ${spoken(seconds)} on average; ${percent(FEASIBLE_SHARE)} are needed: allow more time, larger ` +
        `shares, a wider margin or a larger design effect`,
    });
  if (found.nonInferiorShare < FEASIBLE_SHARE)
    add('non-inferior', found.effect.better, found.nonInferiorShare, found.expectedSeconds.better);
  if (found.inferiorShare < FEASIBLE_SHARE)
    add('inferior', found.effect.worse, found.inferiorShare, found.expectedSeconds.worse);
  return faults;
}

/** Look times of a stage, seconds, ascending, multiples of the look period; hold and horizon are among them. */
function lookTimes(stage: PlanStage, every: number): number[] {
  const snap = (seconds: number) => Math.max(1, Math.ceil(seconds / every)) * every;
  const last = snap(stage.maxSeconds);
  const count = last / every;
  if (count <= MAX_LOOKS) return Array.from({ length: count }, (_, k) => (k + 1) * every);
  const times = new Set([snap(stage.holdSeconds), last]);
  for (let k = 0; k < MAX_LOOKS; k++) times.add(snap(every * count ** (k / (MAX_LOOKS - 1))));
  return [...times].sort((a, b) => a - b);
}

function walkPaths(walk: Walk, effect: number, paths: number): Record<PathEnd | 'seconds', number> {
  const ends = { 'non-inferior': 0, inferior: 0, undecided: 0, seconds: 0 };
  for (let path = 0; path < paths; path++) {
    const { end, seconds } = walkPath(walk, effect);
    ends[end] += 1;
    ends.seconds += seconds;
  }
  return ends;
}

/** Σ c N D and its variance over finished stages, for one margin. */
interface Score {
  weight: number;
  d: number;
  variance: number;
}

function walkPath(walk: Walk, effect: number): { end: PathEnd; seconds: number } {
  let carried: Score = { weight: 0, d: 0, variance: 0 };
  let carriedWide: Score = { weight: 0, d: 0, variance: 0 };
  let seconds = 0;
  for (const walked of walk.stages) {
    const ended = walkStage(walk, walked, effect, carried, carriedWide);
    seconds += ended.seconds;
    if (ended.end !== 'non-inferior') return { end: ended.end, seconds };
    carried = ended.score;
    carriedWide = ended.wide;
  }
  return { end: 'non-inferior', seconds };
}

function walkStage(
  walk: Walk,
  { stage, share, times }: WalkedStage,
  effect: number,
  carried: Score,
  carriedWide: Score,
) {
  const { plan, rate, dispersion, normal } = walk;
  let known = 0;
  let canary = 0;
  let control = 0;
  let score = carried;
  let wide = carriedWide;
  // What the arms' users are like is drawn once a stage: looking longer does not average it away.
  const habit = (armShare: number) => 1 + Math.sqrt(dispersion.perSecond / (rate * armShare)) * normal();
  const canaryRate = rate * share * (1 + effect) * habit(share);
  const controlRate = rate * (1 - share) * habit(1 - share);
  for (const seconds of times) {
    // Labels of the newest decisions are not mature yet.
    const mature = Math.max(0, seconds - plan.labelMaturitySeconds);
    const grown = mature - known;
    known = mature;
    canary += step(grown * canaryRate, dispersion.perEvent, normal);
    control += step(grown * controlRate, dispersion.perEvent, normal);
    const spread = dispersion.perEvent + dispersion.perSecond * mature;
    const units = { canary: mature * rate * share, control: mature * rate * (1 - share) };
    if (!(units.canary > 0) || !(control > 0)) continue;
    score = added(carried, canary, control, units, walk.margin, spread);
    wide = added(carriedWide, canary, control, units, CATASTROPHE_MARGIN, spread);
    const least = Math.min(Math.max(canary, (control * share) / (1 - share)), control);
    const worst =
      least >= stage.minPrimaryEvents && bounds(score, walk.prior, plan.alpha, walk.inferiorAlpha).upper < 0;
    const collapsed = least >= CATASTROPHE_MIN_EVENTS && bounds(wide, walk.prior, plan.alpha, plan.alpha).upper < 0;
    if (worst || collapsed) return { end: 'inferior' as const, seconds, score, wide };
    const enough = Math.min(canary, control) >= stage.minPrimaryEvents && seconds >= stage.holdSeconds;
    if (enough && bounds(score, walk.prior, plan.alpha, walk.inferiorAlpha).lower > 0)
      return { end: 'non-inferior' as const, seconds, score, wide };
  }
  return { end: 'undecided' as const, seconds: times[times.length - 1] ?? 0, score, wide };
}

/** Increment of an arm's event count: Brownian with the mean's own variance times the dispersion. */
const step = (mean: number, dispersion: number, normal: () => number): number =>
  mean > 0 ? Math.max(0, mean + Math.sqrt(mean * dispersion) * normal()) : 0;

/** Adds a running stage's D_s, weighted by N_s, to the finished ones; rates are per expected control event, so R_C is near 1. */
function added(
  carried: Score,
  canary: number,
  control: number,
  units: { canary: number; control: number },
  margin: number,
  dispersion: number,
): Score {
  const weight = (units.canary * units.control) / (units.canary + units.control);
  const d = canary / units.canary - (1 - margin) * (control / units.control);
  const variance = dispersion * (canary / units.canary ** 2 + ((1 - margin) ** 2 * control) / units.control ** 2);
  return {
    weight: carried.weight + weight,
    d: carried.d + weight * d,
    variance: carried.variance + weight ** 2 * variance,
  };
}

function bounds(score: Score, prior: number, alpha: number, inferiorAlpha: number): { lower: number; upper: number } {
  const d = score.d / score.weight;
  const standardError = Math.sqrt(score.variance) / score.weight;
  return {
    lower: d - anytimeHalfWidth(standardError, prior, alpha, 'one'),
    upper: d + anytimeHalfWidth(standardError, prior, inferiorAlpha, 'one'),
  };
}

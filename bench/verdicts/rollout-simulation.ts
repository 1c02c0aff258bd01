import type { KpiRollup, RolloutPlan } from '#domain/contracts';
import { mergeLatency, type LatencyHistogram } from '#domain/evaluation/latency-histogram';
import { seededNormal, seededPoisson, seededRandom } from '#domain/evaluation/seeded-random';
import {
  addSums,
  CATASTROPHE_MIN_DECISIONS,
  judgeLook,
  nextStep,
  noSums,
  servedShare,
  trailingStartMs,
  trailingSums,
  type BucketSums,
  type Look,
  type StageSums,
  type Step,
  type UnsealedEvidence,
} from '#domain/rollout';
import { foldWith, needsTimeBuckets, type Plant } from './plants';
import { armOf, drawPopulation, firstExposures, type ArmUsers, type Slot, type UserWorld } from './population';
import {
  BUCKET_HOURS,
  BUCKET_MS,
  CLICK_VALUE_NANOS,
  dayFactor,
  drawBucket,
  drawPast,
  LABEL_DELAYS,
  priceNanosOf,
  type ArmBucket,
} from './traffic';

const ARMS = ['canary', 'champion'] as const;
/** z of the fixed-sample test that peeking misuses. */
const PEEKING_Z = 1.6448536269514722;

/** What is true in one scenario. */
export interface Truth {
  /** Relative effect of the candidate on clicks per impression. */
  lift: number;
  /** Factor on the base rate from each stage to the next. */
  drift: number;
  /** An operator lets a stage through that is inconclusive at its horizon, but not the last one. */
  waivesInconclusive: boolean;
}

/** How one rollout ended, and what two naive rules would have done on the same looks. */
export interface Run {
  end: 'promoted' | 'rolled-back' | 'undecided';
  looks: number;
  /** Time buckets served. */
  buckets: number;
  /** Of the rollback: true when the catastrophe lane did it. */
  byLane: boolean;
  naiveRollsBack: boolean;
  peekingPromotes: boolean;
}

/** One rollout's inputs; the same seed gives the same run. */
export interface Setup {
  plan: RolloutPlan;
  world: UserWorld;
  truth: Truth;
  plant: Plant | null;
  seed: number;
}

/** Walks one rollout over its looks, one a time bucket, through the production fold, verdict and step rules. */
export function simulateRollout(setup: Setup): Run {
  const simulation = new Simulation(setup);
  const { stages } = setup.plan;
  for (let stage = 0; stage < stages.length; stage++) {
    const step = simulation.serve(stage);
    if (step === 'advance') continue;
    const end = step === 'promote' ? 'promoted' : step === 'roll-back' ? 'rolled-back' : 'undecided';
    return { ...simulation.run, end };
  }
  throw new RangeError('verdict bench: the last stage neither promotes nor ends');
}

/** What one look hands to the next of its stage; latencies of both arms since it began. */
interface StageState {
  streak: number;
  srmP: number;
  exposures: Look['exposures'];
  canary: LatencyHistogram;
  control: LatencyHistogram;
}

class Simulation {
  readonly run: Omit<Run, 'end'> = {
    looks: 0,
    buckets: 0,
    byLane: false,
    naiveRollsBack: false,
    peekingPromotes: false,
  };
  private readonly rng = seededRandom(this.setup.seed);
  private readonly normal = seededNormal(this.rng);
  private readonly poisson = seededPoisson(this.rng);
  private readonly slots: Slot[];
  private readonly pasts: BucketSums[][];
  private readonly prePeriod: StageSums[] = [];
  /** Rows whose labels have all arrived, added up over time per stage, arm and user bucket, as the lake's query does. */
  private settled: KpiRollup[] = [];

  constructor(private readonly setup: Setup) {
    const { plan, world } = setup;
    const shares = [0, ...plan.stages.map(servedShare), 1];
    const widths = shares.slice(1).map((share, index) => share - shares[index]!);
    this.slots = drawPopulation(world, widths, this.poisson);
    const hours = (plan.prePeriodSeconds ?? 86_400) / 3600;
    this.pasts = this.slots.map((slot) => drawPast(world, slot, hours, this.poisson));
  }

  serve(stage: number): Step {
    const { world, truth } = this.setup;
    const users = {
      canary: armOf(this.slots.slice(0, stage + 1)),
      champion: armOf(this.slots.slice(stage + 1)),
    };
    this.prePeriod.push(this.pastOf(stage));
    const base = truth.drift ** stage;
    const openedAt = this.run.buckets;
    const state: StageState = { streak: 0, srmP: 1, exposures: { canary: 0, control: 0 }, canary: [], control: [] };
    const fresh: Served[] = [];
    for (;;) {
      const bucket = this.run.buckets;
      this.expose(users, bucket, state.exposures);
      fresh.unshift({
        canary: drawBucket(world, users.canary, { arm: 'canary', stage, bucket, base, lift: truth.lift }, this.poisson),
        champion: drawBucket(world, users.champion, { arm: 'champion', stage, bucket, base, lift: 0 }, this.poisson),
      });
      arriveLate(fresh);
      state.canary = mergeLatency([state.canary, fresh[0]!.canary.latency]);
      state.control = mergeLatency([state.control, fresh[0]!.champion.latency]);
      this.run.buckets += 1;
      const last = judgeLook(this.lookOf(stage, openedAt, fresh, state));
      this.run.looks += 1;
      Object.assign(state, { streak: last.catastrophe.streak, srmP: last.srmP });
      this.noteNaive(last);
      const elapsedSeconds = ((this.run.buckets - openedAt) * BUCKET_MS) / 1000;
      const step = this.stepAfter(stage, last, elapsedSeconds);
      if (step === null) {
        if (fresh.length >= LABEL_DELAYS.length) this.settle(fresh.pop()!);
        continue;
      }
      this.run.byLane = step === 'roll-back' && last.catastrophe.fired;
      // Labels of a stage's last time buckets arrive while the next one waits for its own.
      fresh.forEach((served, age) => {
        for (let delay = age + 1; delay < LABEL_DELAYS.length; delay++) arrive(served, delay);
        this.settle(served);
      });
      return step;
    }
  }

  /** Null = the stage goes on serving. */
  private stepAfter(stage: number, last: UnsealedEvidence, elapsedSeconds: number): Step | null {
    const { plan, truth } = this.setup;
    const { step } = nextStep({
      plan,
      stage,
      verdict: last.verdict,
      verdictReason: last.reason,
      elapsedSeconds,
      undecidedSeconds: 0,
      awaitingApprovalSeconds: 0,
      commands: [],
      paused: false,
      approved: true,
      frozen: null,
    });
    const isOver = elapsedSeconds >= plan.stages[stage]!.maxSeconds;
    if (step === 'hold' || step === 'page') {
      if (!isOver) return null;
      const isLast = stage === plan.stages.length - 1;
      return truth.waivesInconclusive && last.verdict === 'inconclusive' && !isLast ? 'advance' : 'page';
    }
    return step;
  }

  private expose(users: Record<(typeof ARMS)[number], ArmUsers>, bucket: number, exposures: Look['exposures']): void {
    const hours = BUCKET_HOURS * dayFactor(bucket * BUCKET_HOURS);
    exposures.canary += firstExposures(users.canary, this.setup.world, hours, this.rng, this.normal);
    exposures.control += firstExposures(users.champion, this.setup.world, hours, this.rng, this.normal);
  }

  private lookOf(stage: number, openedAt: number, fresh: readonly Served[], state: StageState): Look {
    const { plan, plant } = this.setup;
    const hasPast = plan.prePeriodSeconds !== 0;
    const atMs = this.run.buckets * BUCKET_MS;
    const matureUntilMs = atMs - plan.labelMaturitySeconds * 1000;
    const newest = fresh.flatMap(({ canary, champion }) => [...canary.rows, ...champion.rows]);
    // The two newest time buckets hold the lane's window at any traffic that a plan may start with.
    const recent = fresh.slice(0, 2).flatMap(({ canary, champion }) => [...canary.rows, ...champion.rows]);
    const startMs = trailingStartMs(recent, stage, CATASTROPHE_MIN_DECISIONS) ?? atMs;
    const [{ canary, champion }] = fresh as [Served];
    return {
      rolloutId: 'bench',
      stage,
      look: this.run.looks + 1,
      atMs,
      stageStartedMs: openedAt * BUCKET_MS,
      matureUntilMs,
      plan,
      stages: foldWith(plant)([...this.settled, ...newest], matureUntilMs, BUCKET_MS),
      recent: trailingSums(recent, stage, CATASTROPHE_MIN_DECISIONS),
      recentLatency: { canary: canary.latency, control: champion.latency },
      stageLatency: { canary: state.canary, control: state.control },
      plannedSpendNanos: this.plannedSpend(stage, startMs, atMs),
      // The wrong folds have no pre-period of their own units.
      ...(plant === null && hasPast ? { prePeriod: this.prePeriod } : {}),
      exposures: state.exposures,
      previousSrmP: state.srmP,
      previousStreak: state.streak,
      newestDecisionMs: atMs,
    };
  }

  /** Budgets follow the forecast of the day's traffic, split by the arms' shares. */
  private plannedSpend(stage: number, startMs: number, endMs: number): { canary: number; control: number } {
    const { plan, world } = this.setup;
    let hours = 0;
    for (let at = startMs; at < endMs; at += BUCKET_MS)
      hours += BUCKET_HOURS * dayFactor((at / BUCKET_MS) * BUCKET_HOURS);
    const total = hours * world.users * world.requestsPerHour * world.winRate * priceNanosOf(world);
    const share = servedShare(plan.stages[stage]!);
    return { canary: total * share, control: total * (1 - share) };
  }

  private pastOf(stage: number): StageSums {
    const added = (pasts: readonly BucketSums[][]): BucketSums[] =>
      this.pasts[0]!.map(({ userBucket }) => {
        const sum = { ...noSums(), userBucket };
        for (const past of pasts) addSums(sum, past[userBucket]!);
        return sum;
      });
    return { stage, canary: added(this.pasts.slice(0, stage + 1)), control: added(this.pasts.slice(stage + 1)) };
  }

  private settle(hour: Served): void {
    for (const arm of ARMS) {
      const { rows } = hour[arm];
      const known = needsTimeBuckets(this.setup.plant)
        ? undefined
        : this.settled.find((row) => row.arm === arm && row.stage === rows[0]!.stage);
      if (!known) {
        this.settled.push(...rows);
        continue;
      }
      const from = this.settled.indexOf(known);
      rows.forEach((row, index) => addSums(this.settled[from + index]!, row));
    }
  }

  private noteNaive(last: UnsealedEvidence): void {
    const primary = last.metrics.find((metric) => metric.role === 'primary');
    const enough = Math.min(last.primaryEvents.canary, last.primaryEvents.control) >= 100;
    if (!primary || primary.verdict === 'no-data' || !enough) return;
    if (primary.relativeEffect < -primary.margin) this.run.naiveRollsBack = true;
    const unadjusted = primary.cuped?.unadjustedStandardError ?? primary.standardError;
    if (primary.d / unadjusted > PEEKING_Z) this.run.peekingPromotes = true;
  }
}

type Served = Record<(typeof ARMS)[number], ArmBucket>;

/** Labels reach the sums of their decision's time bucket, time buckets later: `fresh` holds the newest one first. */
function arriveLate(fresh: readonly Served[]): void {
  fresh.forEach((hour, age) => {
    if (age > 0 && age < LABEL_DELAYS.length) arrive(hour, age);
  });
}

/** The labels of one time bucket's decisions that come `delay` buckets later. */
function arrive(hour: Served, delay: number): void {
  for (const arm of ARMS) {
    const { rows, late } = hour[arm];
    rows.forEach((row, bucket) => {
      const clicks = late[delay]![bucket]!;
      row.clicks += clicks;
      row.valueNanos += clicks * CLICK_VALUE_NANOS;
    });
  }
}

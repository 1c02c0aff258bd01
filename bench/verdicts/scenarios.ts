import { rolloutPlanSchema, type RolloutPlan } from '#domain/contracts';
import { seededPoisson, seededRandom } from '#domain/evaluation/seeded-random';
import { measuredDispersion, planFeasibility, type Dispersion, type Feasibility } from '#domain/rollout';
import { drawPopulation, type UserWorld } from './population';
import type { Run, Truth } from './rollout-simulation';
import { BUCKET_HOURS, drawPast } from './traffic';

const HOUR = 3600;
const HORIZON_HOURS = 96;
const LONG = { hold: 6, max: HORIZON_HOURS };

const plan = (
  name: string,
  shares: readonly number[],
  hours: (stage: number) => { hold: number; max: number },
  changes: Partial<RolloutPlan> = {},
): RolloutPlan =>
  rolloutPlanSchema.parse({
    version: 1,
    name,
    bucketSeconds: BUCKET_HOURS * HOUR,
    lookEverySeconds: BUCKET_HOURS * HOUR,
    labelMaturitySeconds: BUCKET_HOURS * HOUR,
    stages: shares.map((shareBps, stage) => ({
      kind: 'canary',
      shareBps,
      holdSeconds: hours(stage).hold * HOUR,
      minPrimaryEvents: 100,
      minDecisions: 1000,
      maxSeconds: hours(stage).max * HOUR,
    })),
    metrics: [
      { metric: 'value', role: 'primary' },
      { metric: 'roi', role: 'guardrail' },
      { metric: 'fallbackShare', role: 'guardrail' },
    ],
    ...changes,
  });

/** The default plan's shares, its metrics and its alpha; 48 looks a stage at most. */
const STAGED = plan('bench: staged', [100, 500, 2500, 5000, 10_000], () => LONG);
/** As `STAGED` in a lake that knows nothing of the time before: no CUPED, which is also what the planner assumes. */
const NO_PAST = plan('bench: no past', [100, 500, 2500, 5000, 10_000], () => LONG, { prePeriodSeconds: 0 });
/** One stage, half of the users, no past: at the margin both errors are alike and nothing else stands between them and the end. */
const HALF = plan('bench: one stage', [5000], () => LONG, { prePeriodSeconds: 0 });
/** A short first stage that a human waves through: only the verdict over both stages stands between a bad model and 100 %. */
const WAVED = plan('bench: waved through', [100, 10_000], (stage) => (stage === 0 ? { hold: 4, max: 6 } : LONG));

/** What users are like: 2 clicks each within a stage's horizon, or 20. Heavy users make a user's visits far from independent. */
export const HABITS = {
  usual: { requestsPerHour: 0.7, winRate: 0.3, clickRate: 0.1 },
  heavy: { requestsPerHour: 7, winRate: 0.3, clickRate: 0.1 },
} as const satisfies Record<string, Omit<UserWorld, 'users'>>;

/** A figure of a scenario and the bound that it must keep. */
export interface Bound {
  of: Run['end'];
  least?: number;
  most?: number;
}

/** One row of the bench. */
export interface Scenario {
  name: string;
  says: string;
  plan: RolloutPlan;
  habits: keyof typeof HABITS;
  truth: Truth;
  bounds: Bound[];
}

const truth = (lift: number, drift = 1): Truth => ({ lift, drift, waivesInconclusive: drift !== 1 });

/** Every row with its bounds (issue 5, "It must show"). */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a-a',
    says: 'A/A',
    plan: STAGED,
    habits: 'usual',
    truth: truth(0),
    bounds: [
      { of: 'rolled-back', most: 0.01 },
      { of: 'promoted', least: 0.8 },
    ],
  },
  {
    name: 'margin',
    says: '−5 %, the margin',
    plan: STAGED,
    habits: 'usual',
    truth: truth(-0.05),
    bounds: [{ of: 'promoted', most: 0.05 }],
  },
  {
    name: 'minus-10',
    says: '−10 %',
    plan: STAGED,
    habits: 'usual',
    truth: truth(-0.1),
    bounds: [{ of: 'rolled-back', least: 0.95 }],
  },
  {
    name: 'minus-20',
    says: '−20 %',
    plan: STAGED,
    habits: 'usual',
    truth: truth(-0.2),
    bounds: [{ of: 'rolled-back', least: 0.99 }],
  },
  {
    name: 'margin-no-past',
    says: '−5 %, no pre-period',
    plan: NO_PAST,
    habits: 'usual',
    truth: truth(-0.05),
    bounds: [{ of: 'promoted', most: 0.05 }],
  },
  {
    name: 'margin-heavy',
    says: '−5 %, no pre-period, heavy users, one stage at 50 %',
    plan: HALF,
    habits: 'heavy',
    truth: truth(-0.05),
    bounds: [
      { of: 'promoted', most: 0.05 },
      { of: 'rolled-back', most: 0.05 },
    ],
  },
  {
    name: 'minus-10-no-past',
    says: '−10 %, no pre-period',
    plan: NO_PAST,
    habits: 'usual',
    truth: truth(-0.1),
    bounds: [{ of: 'rolled-back', least: 0.95 }],
  },
  {
    name: 'drift-down',
    says: '−10 %, base rate × 0.7 from stage to stage',
    plan: WAVED,
    habits: 'usual',
    truth: truth(-0.1, 0.7),
    bounds: [{ of: 'promoted', most: 0.05 }],
  },
  {
    name: 'drift-up',
    says: '−10 %, base rate × 0.7 from stage to stage, seen backwards (÷ 0.7)',
    plan: WAVED,
    habits: 'usual',
    truth: truth(-0.1, 1 / 0.7),
    bounds: [{ of: 'promoted', most: 0.05 }],
  },
  {
    name: 'a-a-drift',
    says: 'A/A, base rate × 0.7 from stage to stage',
    plan: WAVED,
    habits: 'usual',
    truth: truth(0, 0.7),
    bounds: [{ of: 'rolled-back', most: 0.01 }],
  },
];

type Habits = Omit<UserWorld, 'users'>;
const clicksPerHour = (habits: Habits): number => habits.requestsPerHour * habits.winRate * habits.clickRate;

/** Plan whose traffic a scenario runs at: a waved-through stage has no say in what is feasible. */
const trafficPlanOf = (scenario: Scenario): RolloutPlan => (scenario.plan === HALF ? HALF : STAGED);

/** Traffic of every scenario, found once per plan and habits. */
export function trafficOf(scenarios: readonly Scenario[], seed: number): ReadonlyMap<Scenario, Traffic> {
  const found = new Map<string, Traffic>();
  return new Map(
    scenarios.map((scenario) => {
      const planned = trafficPlanOf(scenario);
      const key = `${planned.name}|${scenario.habits}`;
      const traffic = found.get(key) ?? feasibleTraffic(planned, HABITS[scenario.habits], seed);
      found.set(key, traffic);
      return [scenario, traffic] as const;
    }),
  );
}

/** Traffic of a world and what the planner says of it. */
export interface Traffic {
  world: UserWorld;
  primaryPerSecond: number;
  dispersion: Dispersion;
  feasibility: Feasibility;
}

/**
 * The least traffic of a geometric ladder (25 % a rung) that the planner calls feasible for the plan, with the dispersion
 * that production measures from user buckets: of one time bucket, and of as long a past as a stage may last.
 */
function feasibleTraffic(plan: RolloutPlan, habits: Habits, seed: number): Traffic {
  const dispersion = dispersionOf(habits, seed);
  for (let primaryPerSecond = 0.2; ; primaryPerSecond *= 1.25) {
    const rng = seededRandom(seed);
    const feasibility = planFeasibility(plan, { primaryPerSecond, dispersion, rng });
    if (!feasibility.feasible) continue;
    const users = Math.round((primaryPerSecond * HOUR) / clicksPerHour(habits));
    return { world: { ...habits, users }, primaryPerSecond, dispersion, feasibility };
  }
}

function dispersionOf(habits: Habits, seed: number): Dispersion {
  const poisson = seededPoisson(seededRandom(seed));
  const [everyone] = drawPopulation({ ...habits, users: 400_000 }, [1], poisson);
  const over = (hours: number) => {
    const past = drawPast(habits, everyone!, hours, poisson);
    return {
      buckets: past.map(({ valueNanos, eligible }) => ({ numerator: valueNanos, denominator: eligible })),
      events: past.reduce((sum, { clicks }) => sum + clicks, 0),
      seconds: hours * HOUR,
    };
  };
  return measuredDispersion(over(BUCKET_HOURS), over(HORIZON_HOURS));
}

import { defaultPlan, rolloutPlanSchema, type RolloutPlan } from '../contracts';
import { seededRandom } from '../evaluation/seeded-random';
import { DEFAULT_DISPERSION, measuredDispersion, planFeasibility } from './feasibility';

const demo = (changes: Partial<RolloutPlan> = {}): RolloutPlan => ({
  ...rolloutPlanSchema.parse({
    version: 1,
    name: 'demo regime',
    bucketSeconds: 5,
    lookEverySeconds: 5,
    labelMaturitySeconds: 5,
    designEffect: { better: 0.3, worse: -0.3 },
    stages: [
      {
        kind: 'canary',
        shareBps: 5000,
        holdSeconds: 20,
        minPrimaryEvents: 100,
        minDecisions: 1000,
        maxSeconds: 240,
      },
    ],
    metrics: [{ metric: 'value', role: 'primary' }],
  }),
  ...changes,
});
const paths = 1000;

describe('feasibility planner', () => {
  it('finds a short demo plan feasible for effects of 30 % and says how long it takes', () => {
    const found = planFeasibility(demo(), { primaryPerSecond: 8, rng: seededRandom(1), paths });
    expect(found.feasible).toBe(true);
    expect(found.expectedSeconds.better).toBeGreaterThan(20);
    expect(found.expectedSeconds.better).toBeLessThan(240);
    expect(planFeasibility(demo(), { primaryPerSecond: 8, rng: seededRandom(1), paths })).toEqual(found);
  });

  it('refuses the same plan when it must prove an effect of 0 at 5 %', () => {
    const found = planFeasibility(demo({ designEffect: undefined }), {
      primaryPerSecond: 8,
      rng: seededRandom(1),
      paths,
    });
    expect(found.feasible).toBe(false);
    expect(found.nonInferiorShare).toBeLessThan(0.5);
    expect(found.faults.map((fault) => fault.code)).toEqual(['INFEASIBLE', 'INFEASIBLE']);
    expect(found.faults[0]!.detail).toContain('end non-inferior before their horizon');
  });

  it('refuses when traffic is too thin and accepts the default plan at real traffic', () => {
    expect(planFeasibility(demo(), { primaryPerSecond: 0.2, rng: seededRandom(1), paths }).feasible).toBe(false);
    const real = planFeasibility(defaultPlan('real'), { primaryPerSecond: 20, rng: seededRandom(2), paths: 300 });
    expect(real.feasible).toBe(true);
    expect(real.expectedSeconds.worse).toBeLessThan(real.expectedSeconds.better);
  });

  it('needs more of users who return, and cannot buy it with time', () => {
    const dispersion = { perEvent: 1, perSecond: 0.05 };
    const at = (maxSeconds: number) =>
      planFeasibility(demo({ stages: [{ ...demo().stages[0]!, maxSeconds }] }), {
        ...{ primaryPerSecond: 2, dispersion, rng: seededRandom(1), paths },
      }).nonInferiorShare;
    const without = planFeasibility(demo(), { primaryPerSecond: 2, rng: seededRandom(1), paths }).nonInferiorShare;
    expect(at(240)).toBeLessThan(without);
    expect(at(24_000)).toBeLessThan(0.99);
  });

  it('says in a refusal how long such a rollout would take', () => {
    const { faults } = planFeasibility(demo(), { primaryPerSecond: 0.2, rng: seededRandom(1), paths });
    expect(faults[0]!.detail).toMatch(/after \d+ (s|min) on average/);
  });
});

describe('dispersion of a metric over users', () => {
  const sample = (variance: number, seconds: number) => ({
    buckets: Array.from({ length: 100 }, (_, k) => ({
      numerator: 100 + Math.sqrt(variance * 100) * (k % 2 === 0 ? 1 : -1),
      denominator: 1000,
    })),
    events: 10_000,
    seconds,
  });

  it('splits what stays of a user from chance by a short and a long period', () => {
    const { perEvent, perSecond } = measuredDispersion(sample(2, 100), sample(6, 900));
    expect(perSecond).toBeCloseTo(4 / 800, 3);
    expect(perEvent).toBeCloseTo(1.5, 1);
  });

  it('is the default where too little was seen', () => {
    const few = { ...sample(2, 100), events: 20 };
    expect(measuredDispersion(few, few)).toEqual({ perEvent: DEFAULT_DISPERSION, perSecond: 0 });
    expect(measuredDispersion(few, sample(3, 900)).perSecond).toBe(0);
  });
});

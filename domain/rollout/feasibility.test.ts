import { defaultPlan, rolloutPlanSchema, type RolloutPlan } from '../contracts';
import { seededRandom } from '../evaluation/seeded-random';
import { planFeasibility } from './feasibility';

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
});

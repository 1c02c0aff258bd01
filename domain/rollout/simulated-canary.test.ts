import { rolloutPlanSchema } from '../contracts';
import { seededRandom } from '../evaluation/seeded-random';
import { simulateCanary, type CanaryRun, type CanaryWorld } from './simulated-canary';

const stage = (shareBps: number) => ({
  kind: 'canary' as const,
  shareBps,
  holdSeconds: 60,
  minPrimaryEvents: 100,
  minDecisions: 1000,
  maxSeconds: 1800,
});

const plan = rolloutPlanSchema.parse({
  version: 1,
  name: 'demo regime',
  bucketSeconds: 5,
  lookEverySeconds: 60,
  labelMaturitySeconds: 0,
  designEffect: { better: 0.3, worse: -0.3 },
  stages: [stage(2500), stage(5000)],
  metrics: [
    { metric: 'value', role: 'primary' },
    { metric: 'ctr', role: 'guardrail' },
    { metric: 'fallbackShare', role: 'guardrail' },
  ],
});

const world: CanaryWorld = {
  requestsPerSecond: 100,
  clickRate: 0.03,
  effect: 0,
  fallbackShare: 0,
  bucketSpread: 0.1,
  buckets: 60,
  usersPerRequest: 0.1,
  shareBias: 1,
};

/** Runs `count` seeded canaries of a world. */
function runs(count: number, changes: Partial<CanaryWorld>): CanaryRun[] {
  return Array.from({ length: count }, (_, seed) =>
    simulateCanary(plan, { ...world, ...changes }, seededRandom(seed + 1)),
  );
}
const share = (all: CanaryRun[], end: CanaryRun['end']) => all.filter((run) => run.end === end).length / all.length;

// 2,000 A/A runs by hand (200 buckets, look every 30 s): 0.35 % rolled back; −20 %: 98.7 % of 300 caught, −25 and −30 %: all.
describe('a simulated canary', () => {
  it('rolls back at most 1 % of A/A canaries', () => {
    const all = runs(200, {});
    expect(share(all, 'rolled-back')).toBeLessThanOrEqual(0.01);
  }, 60_000);

  it.each([-0.2, -0.25, -0.3])(
    'catches a planted effect of %f in at least 90 %% of runs',
    (effect) => {
      const all = runs(60, { effect });
      expect(share(all, 'rolled-back')).toBeGreaterThanOrEqual(0.9);
    },
    60_000,
  );

  it('promotes a candidate that is 30 % better', () => {
    const all = runs(60, { effect: 0.3 });
    expect(share(all, 'promoted')).toBeGreaterThanOrEqual(0.95);
  }, 60_000);

  it('rolls back by the catastrophe lane after three looks of fallbacks', () => {
    const [run] = runs(1, { fallbackShare: 0.5, requestsPerSecond: 1000 });
    expect(run!.end).toBe('rolled-back');
    expect(run!.looks).toBe(3);
    expect(run!.last.reason).toContain('for 3 look(s) in a row');
  });

  it('never promotes when users do not reach the arms as planned', () => {
    const [run] = runs(1, { shareBias: 1.3, effect: 0.3, requestsPerSecond: 400 });
    expect(run!.end).toBe('undecided');
    expect(run!.last.verdict).toBe('srm');
  });
});

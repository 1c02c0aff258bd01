import { rolloutPlanSchema, type RolloutPlan } from './rollout';

const canary = (shareBps: number, approval = false) => ({
  kind: 'canary' as const,
  shareBps,
  holdSeconds: 3600,
  minPrimaryEvents: 100,
  minDecisions: 1000,
  maxSeconds: 14 * 86_400,
  approval,
});

/** The plan a release uses when it names none: shadow, then 1 → 5 → 25 → 50 → 100 %, 5 % margin (control-plane.md). */
export function defaultPlan(name: string): RolloutPlan {
  return rolloutPlanSchema.parse({
    version: 1,
    name,
    stages: [
      {
        kind: 'shadow',
        shareBps: 1000,
        holdSeconds: 3600,
        minPrimaryEvents: 0,
        minDecisions: 1000,
        maxSeconds: 86_400,
        approval: true,
      },
      canary(100),
      canary(500),
      canary(2500),
      canary(5000),
      canary(10_000),
    ],
    metrics: [
      { metric: 'value', role: 'primary' },
      { metric: 'roi', role: 'guardrail' },
      { metric: 'fallbackShare', role: 'guardrail' },
    ],
  });
}

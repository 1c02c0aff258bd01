import type { RolloutPlan } from '#domain/contracts';

/**
 * Plan of the story: short holds and 5-second KPI buckets are the demo regime's; verdict, α and margin are the production ones.
 * It is powered for effects of about ± 30 %, which the scenario's truth has.
 */
export const storyPlan = (name: string): Record<string, unknown> & Pick<RolloutPlan, 'name'> => ({
  version: 1,
  name,
  alpha: 0.05,
  bucketSeconds: 5,
  lookEverySeconds: 5,
  labelMaturitySeconds: 4,
  decisionDeadlineSeconds: 3600,
  approvalTimeoutSeconds: 300,
  designEffect: { better: 0.3, worse: -0.3 },
  stages: [
    {
      kind: 'shadow',
      shareBps: 5000,
      holdSeconds: 5,
      minPrimaryEvents: 0,
      minDecisions: 200,
      maxSeconds: 120,
      approval: true,
    },
    canary(3000),
    canary(5000),
  ],
  metrics: [
    { metric: 'value', role: 'primary', margin: 0.05, action: 'rollback', prove: true },
    { metric: 'ctr', role: 'guardrail', margin: 0.05, action: 'rollback' },
    { metric: 'winRate', role: 'signal' },
  ],
});

const canary = (shareBps: number) => ({
  kind: 'canary',
  shareBps,
  holdSeconds: 10,
  minPrimaryEvents: 100,
  minDecisions: 1000,
  maxSeconds: 420,
  approval: false,
});

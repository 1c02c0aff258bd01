import { z } from 'zod';
import { planMetricSchema, rolloutPlanSchema, type KpiSum, type PlanStage, type RolloutPlan } from '../contracts';
import type { Look, UnsealedEvidence } from './look';
import { METRIC_CATALOGUE } from './metric-catalogue';
import { MIN_BUCKETS } from './metric-test';

/** Stage rules that may be replaced for every canary stage at once. */
const stageRulesSchema = z
  .strictObject({
    holdSeconds: z.number().int().min(1),
    minPrimaryEvents: z.number().int().min(0),
    minDecisions: z.number().int().min(0),
    maxSeconds: z.number().int().min(1),
  })
  .partial();

/**
 * Another way to judge: single rules replaced (what is absent stays each rollout's own), or a whole plan. `rule: naive` asks what
 * "roll back when the estimate is below the margin" would have done.
 */
export const rejudgePolicySchema = z.strictObject({
  rule: z.enum(['anytime', 'naive']).default('anytime'),
  alpha: z.number().gt(0).lt(0.5).optional(),
  metrics: z.array(planMetricSchema).min(1).max(20).optional(),
  designEffect: z.strictObject({ better: z.number(), worse: z.number() }).optional(),
  decisionDeadlineSeconds: z.number().int().min(1).optional(),
  stage: stageRulesSchema.default({}),
  /** Judged by this plan's rules; a stage takes the rules of the plan's stage of its share, else of the next smaller one. */
  plan: rolloutPlanSchema.optional(),
});
export type RejudgePolicy = z.infer<typeof rejudgePolicySchema>;

/** The policy that changes nothing. */
export const OWN_POLICY: RejudgePolicy = { rule: 'anytime', stage: {} };

/**
 * The plan that `policy` makes of a rollout's own. Shares, kinds, time buckets, look period and label maturity stay: they made the
 * data, and no rule applied afterwards can change them. Whatever else the own plan says (its registered segments) stays as well.
 */
export function underPolicy(own: RolloutPlan, policy: RejudgePolicy): RolloutPlan {
  const { plan: other, alpha, metrics, designEffect, decisionDeadlineSeconds, stage: rules } = policy;
  const effect = designEffect ?? (other === undefined ? own.designEffect : other.designEffect);
  const { designEffect: _own, ...rest } = own;
  return {
    ...rest,
    ...(effect === undefined ? {} : { designEffect: effect }),
    alpha: alpha ?? other?.alpha ?? own.alpha,
    metrics: metrics ?? other?.metrics ?? own.metrics,
    decisionDeadlineSeconds: decisionDeadlineSeconds ?? other?.decisionDeadlineSeconds ?? own.decisionDeadlineSeconds,
    approvalTimeoutSeconds: other?.approvalTimeoutSeconds ?? own.approvalTimeoutSeconds,
    stages: own.stages.map((stage) => {
      if (stage.kind !== 'canary') return stage;
      const { holdSeconds, minPrimaryEvents, minDecisions, maxSeconds, approval } = counterpart(stage, other) ?? stage;
      return { ...stage, holdSeconds, minPrimaryEvents, minDecisions, maxSeconds, approval, ...rules };
    }),
  };
}

function counterpart(stage: PlanStage, plan: RolloutPlan | undefined): PlanStage | undefined {
  const canaries = plan?.stages.filter(({ kind }) => kind === 'canary') ?? [];
  return canaries.findLast(({ shareBps }) => shareBps <= stage.shareBps) ?? canaries.at(0);
}

/** Sums that the metrics of a plan read. */
export function sumsRead(plan: RolloutPlan): Set<KpiSum> {
  const names = new Set<KpiSum>();
  for (const { metric } of plan.metrics) {
    const { numerator, denominator, events } = METRIC_CATALOGUE[metric];
    for (const name of [numerator, denominator, events]) if (name !== null) names.add(name);
  }
  return names;
}

/**
 * The naive rule on evidence that was computed as usual: worse than the margin by the estimate alone is inferior, anything else
 * non-inferior once the sample minima are met. Faults, missing data, SRM and the catastrophe lane stay as they are.
 */
export function naiveOutcome(look: Look, evidence: UnsealedEvidence): Pick<UnsealedEvidence, 'verdict' | 'reason'> {
  const { verdict, reason, catastrophe } = evidence;
  const primary = evidence.metrics.find(({ role }) => role === 'primary');
  if (verdict === 'error' || verdict === 'srm' || verdict === 'no-data' || catastrophe.fired || !primary)
    return { verdict, reason };
  const { better } = METRIC_CATALOGUE[primary.metric];
  const effect = better === 'lower' ? -primary.relativeEffect : primary.relativeEffect;
  const facts = `${primary.metric} is estimated ${(primary.relativeEffect * 100).toFixed(1)} % from the control, naive limit ${(primary.margin * 100).toFixed(1)} %`;
  if (effect < -primary.margin) return { verdict: 'inferior', reason: facts };
  const { minPrimaryEvents, minDecisions } = look.plan.stages[look.stage]!;
  const least = (arms: { canary: number; control: number }) => Math.min(arms.canary, arms.control);
  const enough =
    least(evidence.primaryEvents) >= minPrimaryEvents &&
    least(evidence.decisions) >= minDecisions &&
    least(evidence.nonEmptyBuckets) >= MIN_BUCKETS;
  return enough
    ? { verdict: 'non-inferior', reason: facts }
    : { verdict: 'continue', reason: `${facts}; sample too small` };
}

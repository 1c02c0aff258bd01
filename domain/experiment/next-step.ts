/** Free of schema imports: workflows bundle this file. */
import type { ExperimentPlan, ExperimentResult, ExperimentVerdict } from '../contracts';

/** Where an experiment stands after a look. */
export interface ExperimentStanding {
  plan: Pick<
    ExperimentPlan,
    'horizonSeconds' | 'decisionDeadlineSeconds' | 'labelMaturitySeconds' | 'bucketSeconds' | 'lookEverySeconds'
  >;
  verdict: ExperimentVerdict;
  /** The look's sentence. */
  verdictReason: string;
  /** Time served so far, pauses left out. */
  servedSeconds: number;
  /** Time served since the last resume, or since the start. */
  periodSeconds: number;
  /** Since the verdict first became one that says nothing (srm, no-data, error); 0 otherwise. */
  unusableSeconds: number;
}

/** `serve` goes on; `page` goes on and calls a human; `end` takes both arms back to the champion. */
export type ExperimentStep =
  { step: 'serve' | 'page'; reason: string } | { step: 'end'; result: ExperimentResult; reason: string };

const RESULT_OF: Record<ExperimentVerdict, ExperimentResult> = {
  'treatment-better': 'treatment-better',
  'control-better': 'control-better',
  'no-difference-shown': 'no-difference-shown',
  'too-few-data': 'invalid-too-few-data',
  guardrail: 'stopped-by-guardrail',
  srm: 'invalid-sample-ratio',
  'no-data': 'invalid-no-data',
  error: 'invalid-error',
};

/** Whether a verdict says nothing about the arms. */
export const isUnusable = (verdict: ExperimentVerdict): boolean =>
  verdict === 'srm' || verdict === 'no-data' || verdict === 'error';

/**
 * What follows from a look. A fixed horizon: an answer that comes early ends nothing, harm does. Pure and total; there is no
 * step that promotes. Source: control-plane.md, "Workflows".
 */
export function experimentStep(standing: ExperimentStanding): ExperimentStep {
  const { plan, verdict, verdictReason, servedSeconds, unusableSeconds } = standing;
  const end = (reason: string): ExperimentStep => ({ step: 'end', result: RESULT_OF[verdict], reason });
  if (verdict === 'guardrail') return end(verdictReason);
  if (servedSeconds >= plan.horizonSeconds) return end(`${verdictReason}; the horizon is reached`);
  if (!isUnusable(verdict)) return { step: 'serve', reason: verdictReason };
  if (unusableSeconds >= plan.decisionDeadlineSeconds)
    return end(`${verdictReason}; nobody ended it within ${plan.decisionDeadlineSeconds} s`);
  // After a start or a resume the first labels are not mature yet: silence is no incident then.
  const grace = plan.labelMaturitySeconds + plan.bucketSeconds + 2 * plan.lookEverySeconds;
  const isEarly = verdict === 'no-data' && standing.periodSeconds <= grace;
  return { step: isEarly ? 'serve' : 'page', reason: verdictReason };
}

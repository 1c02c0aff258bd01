import { ESTIMATOR_NAMES, OFF_POLICY_ESTIMATORS } from '#domain/evaluation/off-policy-estimators';
import { EvaluateFault } from './evaluate-fault';
import { OverlapFault, type EvaluationDocument } from './evaluation-document';

const fixed = (value: number): string => value.toFixed(6).padStart(10);

/** The document as a table for people. */
export function evaluationTable(document: EvaluationDocument): string {
  const { campaign, from, to, n, importance_weights: weights, bootstrap } = document;
  const mark = document.forced ? ' !' : '';
  const lines = [
    `Open Bandit, campaign ${campaign}: what ${to} would earn per impression, from ${n} rows logged by ${from}`,
    `${document.rewards} clicks, ${document.n_actions} items, ${document.n_positions} positions; seed ${bootstrap.seed}`,
    '',
    `estimator   estimate   ${bootstrap.level * 100} % interval (${bootstrap.resamples} resamples)   formula`,
  ];
  for (const name of ESTIMATOR_NAMES) {
    const { lower, upper } = document.intervals[name];
    const { formula } = OFF_POLICY_ESTIMATORS.find((estimator) => estimator.name === name)!;
    lines.push(
      `${name.padEnd(8)} ${fixed(document.estimates[name])}   ${fixed(lower)} to ${fixed(upper)}${mark}   ${formula}`,
    );
  }
  lines.push(
    '',
    `importance weights: mean ${weights.mean.toFixed(4)}, min ${weights.min.toFixed(4)}, max ${weights.max.toFixed(2)}, ` +
      `effective sample ${weights.ess.toFixed(1)} of ${n}`,
  );
  for (const refusal of document.refusals) lines.push(`! FORCED in spite of ${refusal.code}: ${refusal.detail}`);
  for (const warning of document.warnings) lines.push(`warning: ${warning}`);
  return lines.join('\n');
}

/** A fault for people, on stderr: code and what, why, next. */
export const faultText = (fault: EvaluateFault): string =>
  `${fault.code}: ${fault.title}\n  why: ${fault.detail}\n  next: ${fault.next}`;

/** A fault as RFC 9457 problem, on stdout with --json. */
export function faultProblem(fault: EvaluateFault): Record<string, unknown> {
  const problem = {
    type: `urn:adloop:problem:${fault.code.toLowerCase().replaceAll('_', '-')}`,
    title: fault.title,
    status: { 2: 422, 3: 404, 6: 409 }[fault.exit],
    code: fault.code,
    detail: fault.detail,
    next: fault.next,
    exit_code: fault.exit,
  };
  if (!(fault instanceof OverlapFault)) return problem;
  return { ...problem, n: fault.n, importance_weights: fault.importanceWeights, refusals: fault.refusals };
}

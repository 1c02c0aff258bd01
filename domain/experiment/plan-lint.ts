import {
  experimentPlanSchema,
  experimentSubjectSchema,
  type ExperimentPlan,
  type ExperimentSubject,
} from '../contracts';
import { METRIC_CATALOGUE } from '../rollout/metric-catalogue';
import { MIN_PRIMARY_EVENTS, type PlanFault } from '../rollout/plan-lint';
import { agentsOfSubject } from './subject';

/** A linted request, or every fault of it; pointers begin at `/plan` and `/subject`. */
export type LintedExperiment =
  { ok: true; plan: ExperimentPlan; subject: ExperimentSubject } | { ok: false; faults: PlanFault[] };

type Report = (pointer: string, code: string, detail: string) => void;

/** Checks shape and meaning of a plan and its subject and lists every fault. What the registry knows is checked elsewhere. */
export function lintExperiment(rawSubject: unknown, rawPlan: unknown): LintedExperiment {
  const faults: PlanFault[] = [];
  const report: Report = (pointer, code, detail) => faults.push({ pointer, code, detail });
  const plan = experimentPlanSchema.safeParse(rawPlan);
  const subject = experimentSubjectSchema.safeParse(rawSubject);
  const shape = (at: string, issues: readonly { path: PropertyKey[]; message: string }[]) => {
    for (const { path, message } of issues) report([at, ...path.map(String)].join('/'), 'INVALID_FIELD', message);
  };
  if (!plan.success) shape('/plan', plan.error.issues);
  else {
    lintMetrics(plan.data, subject.data, report);
    lintTimes(plan.data, report);
    if (plan.data.feasibility === 'waived' && !plan.data.waiverReason?.trim())
      report('/plan/waiverReason', 'WAIVER_WITHOUT_REASON', 'a waived feasibility check needs a reason');
  }
  if (!subject.success) shape('/subject', subject.error.issues);
  else lintSubject(subject.data, report);
  return faults.length === 0 && plan.success && subject.success
    ? { ok: true, plan: plan.data, subject: subject.data }
    : { ok: false, faults };
}

function lintSubject(subject: ExperimentSubject, report: Report): void {
  if (agentsOfSubject(subject).length === 0)
    report(
      '/subject',
      'EMPTY_SUBJECT',
      'neither arm names a version: name at least one, the champion itself for an A/A test',
    );
}

function lintMetrics(plan: ExperimentPlan, subject: ExperimentSubject | undefined, report: Report): void {
  if (METRIC_CATALOGUE[plan.primary].kind !== 'ratio')
    report('/plan/primary', 'NOT_TESTABLE', `${plan.primary} belongs to the catastrophe lane and cannot be read out`);
  const pricing = subject && agentsOfSubject(subject).some((agent) => agent === 'bid' || agent === 'budget');
  plan.guardrails.forEach(({ metric, margin }, index) => {
    const at = `/plan/guardrails/${index}`;
    if (metric === plan.primary || plan.guardrails.findIndex((other) => other.metric === metric) < index)
      report(`${at}/metric`, 'DUPLICATE_METRIC', `${metric} is named twice`);
    if (METRIC_CATALOGUE[metric].kind === 'ratio' && margin === 0)
      report(`${at}/margin`, 'ZERO_MARGIN', 'with margin 0 half of all equal treatments look harmful');
    if (metric === 'revenue' && pricing)
      report(`${at}/metric`, 'REVENUE_NO_GUARDRAIL', 'better shading lowers revenue: no guardrail for Bid and Budget');
  });
  if (plan.minPrimaryEvents < MIN_PRIMARY_EVENTS)
    report(
      '/plan/minPrimaryEvents',
      'SAMPLE_TOO_SMALL',
      `${plan.minPrimaryEvents} primary events per arm are too few, at least ${MIN_PRIMARY_EVENTS}`,
    );
}

function lintTimes(plan: ExperimentPlan, report: Report): void {
  const { horizonSeconds, lookEverySeconds, labelMaturitySeconds, bucketSeconds } = plan;
  if (lookEverySeconds > horizonSeconds)
    report(
      '/plan/lookEverySeconds',
      'NO_LOOK_BEFORE_HORIZON',
      `looks come every ${lookEverySeconds} s, the horizon is ${horizonSeconds} s`,
    );
  if (labelMaturitySeconds + bucketSeconds >= horizonSeconds)
    report(
      '/plan/horizonSeconds',
      'LABELS_NEVER_MATURE',
      `labels mature ${labelMaturitySeconds} s after a bucket of ${bucketSeconds} s, the horizon is ${horizonSeconds} s`,
    );
}

import { Injectable } from '@nestjs/common';
import type { Agent, KpiSum, RolloutPlan } from '#domain/contracts';
import { seededRandom } from '#domain/evaluation/seeded-random';
import {
  DEFAULT_DISPERSION,
  lintPlan,
  METRIC_CATALOGUE,
  planFeasibility,
  type ExpectedSeconds,
  type Dispersion,
  type MetricDefinition,
  type PlanFacts as LintFacts,
  type PlanFault,
} from '#domain/rollout';
import { KpiRepository } from '../lake/kpi.repository';
import { VerdictSums } from '../lake/verdict-sums.repository';

/** Traffic of this long is what the feasibility planner measures when a plan expects none itself. */
const MEASURED_MS = 600_000;
/** Time in which user buckets must have shown up. */
const BUCKETS_SEEN_MS = 3_600_000;
/** Fixed, so that the same plan on the same traffic gets the same answer. */
const PATHS_SEED = 20_260_713;

/** What is wrong with a plan, and how long its canary stages take where that was walked. */
export interface PlanFindings {
  faults: PlanFault[];
  expectedSeconds: ExpectedSeconds | null;
}

/** Checks a raw plan against the world: its data must be fresh, and its stages must be able to decide. */
@Injectable()
export class PlanFacts {
  constructor(
    private readonly kpis: KpiRepository,
    private readonly verdictSums: VerdictSums,
  ) {}

  /** Every fault of a raw plan; feasibility is walked only for a plan that has no other fault. */
  async findings(raw: unknown, cell: string, agent: Agent): Promise<PlanFindings> {
    const totals = await this.kpis.recentTotals(MEASURED_MS, cell);
    const nowMs = Date.now();
    const dataAgeSeconds = agesOfMetrics(await this.verdictSums.sumAges(cell, nowMs));
    const nonEmptyBuckets = await this.verdictSums.userBuckets(cell, nowMs - BUCKETS_SEEN_MS);
    const linted = lintPlan(raw, { agent, dataAgeSeconds, nonEmptyBuckets });
    if (!linted.ok) return { faults: ofPlan(linted.faults), expectedSeconds: null };
    const { plan } = linted;
    if (plan.feasibility === 'waived') return { faults: [], expectedSeconds: null };
    const primaryPerSecond = plan.expectedPrimaryPerSecond ?? primaryRate(plan, totals);
    if (!(primaryPerSecond > 0)) {
      const detail = 'no primary event has been seen lately: state expectedPrimaryPerSecond or waive feasibility';
      const fault = { pointer: '/expectedPrimaryPerSecond', code: 'UNKNOWN_TRAFFIC', detail };
      return { faults: ofPlan([fault]), expectedSeconds: null };
    }
    const dispersion = await this.dispersionOf(plan, cell, nowMs);
    const forecast = { primaryPerSecond, dispersion, rng: seededRandom(PATHS_SEED) };
    const { faults, expectedSeconds } = planFeasibility(plan, forecast);
    return { faults: ofPlan(faults), expectedSeconds };
  }

  /** As users differ and return now: measured over as long as the plan's longest stage, at most what the lake reads quickly. */
  private async dispersionOf(plan: RolloutPlan, cell: string, nowMs: number): Promise<Dispersion> {
    const primary = METRIC_CATALOGUE[plan.metrics.find(({ role }) => role === 'primary')!.metric];
    const { numerator, denominator, events } = primary;
    if (numerator === null || denominator === null) return { perEvent: DEFAULT_DISPERSION, perSecond: 0 };
    const longestSeconds = Math.max(...plan.stages.map(({ maxSeconds }) => maxSeconds));
    return this.verdictSums.dispersion(cell, { numerator, denominator, events }, longestSeconds * 1000, nowMs);
  }
}

/** Faults with their place in the request, which holds the plan. */
const ofPlan = (faults: readonly PlanFault[]): PlanFault[] =>
  faults.map((fault) => ({ ...fault, pointer: `/plan${fault.pointer}` }));

/** Measured events of the primary metric per second, over the ticks that hold traffic. */
function primaryRate(plan: RolloutPlan, totals: Awaited<ReturnType<KpiRepository['recentTotals']>>): number {
  const primary = plan.metrics.find((metric) => metric.role === 'primary');
  return primary === undefined ? 0 : totals[METRIC_CATALOGUE[primary.metric].events] / totals.seconds;
}

/** A metric is as old as the older of its denominator and its events; a share of failures may well have had none. */
function agesOfMetrics(ages: Record<KpiSum, number | null>): NonNullable<LintFacts['dataAgeSeconds']> {
  const ageOf = ({ kind, numerator, denominator, events }: MetricDefinition) => {
    const needed = kind === 'ratio' ? [denominator, events] : [denominator ?? numerator ?? 'requests'];
    const found = needed.map((name) => (name === null ? null : ages[name]));
    return found.includes(null) ? null : Math.max(...found.map(Number));
  };
  return Object.fromEntries(Object.entries(METRIC_CATALOGUE).map(([metric, of]) => [metric, ageOf(of)]));
}

import { Injectable } from '@nestjs/common';
import type { Agent, RolloutPlan } from '#domain/contracts';
import { seededRandom } from '#domain/evaluation/seeded-random';
import {
  lintPlan,
  METRIC_CATALOGUE,
  planFeasibility,
  type PlanFacts as LintFacts,
  type PlanFault,
} from '#domain/rollout';
import { KpiRepository } from '../lake/kpi.repository';

/** Traffic of this long is what the feasibility planner measures when a plan expects none itself. */
const MEASURED_MS = 600_000;
/** Fixed, so that the same plan on the same traffic gets the same answer. */
const PATHS_SEED = 20_260_713;

/** Checks a raw plan against the world: its data must be fresh, and its stages must be able to decide. */
@Injectable()
export class PlanFacts {
  constructor(private readonly kpis: KpiRepository) {}

  /** Every fault of a raw plan; feasibility is walked only for a plan that has no other fault. */
  async planFaults(raw: unknown, cell: string, agent: Agent): Promise<PlanFault[]> {
    const totals = await this.kpis.recentTotals(MEASURED_MS, cell);
    const linted = lintPlan(raw, { agent, dataAgeSeconds: totals.requests > 0 ? {} : noDataAtAll() });
    if (!linted.ok) return linted.faults.map((fault) => ({ ...fault, pointer: `/plan${fault.pointer}` }));
    const { plan } = linted;
    if (plan.feasibility === 'waived') return [];
    const primaryPerSecond = plan.expectedPrimaryPerSecond ?? primaryRate(plan, totals);
    if (!(primaryPerSecond > 0)) {
      const detail = 'no primary event has been seen lately: state expectedPrimaryPerSecond or waive feasibility';
      return [{ pointer: '/plan/expectedPrimaryPerSecond', code: 'UNKNOWN_TRAFFIC', detail }];
    }
    const { faults } = planFeasibility(plan, { primaryPerSecond, rng: seededRandom(PATHS_SEED) });
    return faults.map((fault) => ({ ...fault, pointer: `/plan${fault.pointer}` }));
  }
}

/** Measured events of the primary metric per second, over the ticks that hold traffic. */
function primaryRate(plan: RolloutPlan, totals: Awaited<ReturnType<KpiRepository['recentTotals']>>): number {
  const primary = plan.metrics.find((metric) => metric.role === 'primary');
  return primary === undefined ? 0 : totals[METRIC_CATALOGUE[primary.metric].events] / totals.seconds;
}

function noDataAtAll(): NonNullable<LintFacts['dataAgeSeconds']> {
  return Object.fromEntries(Object.keys(METRIC_CATALOGUE).map((metric) => [metric, null]));
}

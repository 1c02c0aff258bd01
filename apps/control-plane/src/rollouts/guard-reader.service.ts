import { Injectable } from '@nestjs/common';
import { CATASTROPHE_MIN_DECISIONS, readingSentence, trailingSums, worstBreach } from '#domain/rollout';
import type { GuardInput, GuardReading } from '../../../../activities/guard-activities';
import { ControlPlaneConfig } from '../config';
import { KpiRepository } from '../lake/kpi.repository';

/** Buckets without any new decision after which data count as stale; never below a minute. */
const STALE_BUCKETS = 3;
const STALE_MIN_MS = 60_000;

/** Reads the guardrails of a serving canary: system metrics of the trailing decisions against the concurrent control. */
@Injectable()
export class GuardReader {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly kpis: KpiRepository,
  ) {}

  async read(input: GuardInput, nowMs: number): Promise<GuardReading> {
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    const staleMs = Math.max(STALE_MIN_MS, STALE_BUCKETS * bucketMs);
    const totals = await this.kpis.recentTotals(staleMs, input.cell, nowMs);
    if (totals.requests === 0) {
      return { status: 'stale', reason: `no decision has arrived for ${staleMs / 1000} s: the lease is not renewed` };
    }
    const rows = await this.kpis.sums({
      cell: input.cell,
      rolloutId: input.rolloutId,
      sinceMs: nowMs - Math.max(600_000, 4 * bucketMs),
      untilMs: nowMs + bucketMs,
    });
    const recent = trailingSums(rows, input.stage, CATASTROPHE_MIN_DECISIONS);
    const enough = Math.min(recent.canary.requests, recent.control.requests) >= CATASTROPHE_MIN_DECISIONS;
    if (!enough) return { status: 'holding', reason: `${recent.canary.requests} canary decisions: too few to judge` };
    const breach = worstBreach({ recent });
    if (breach !== null) return { status: 'fired', reason: readingSentence(breach) };
    return { status: 'holding', reason: `guardrails hold over ${recent.canary.requests} canary decisions` };
  }
}

import { Injectable } from '@nestjs/common';
import {
  CATASTROPHE_MIN_DECISIONS,
  readingSentence,
  trailingStartMs,
  trailingSums,
  worstBreach,
} from '#domain/rollout';
import type { GuardInput, GuardReading } from '../../../../activities/guard-activities';
import { ControlPlaneConfig } from '../config';
import { KpiRepository } from '../lake/kpi.repository';
import { VerdictSums } from '../lake/verdict-sums.repository';
import { PlannedSpendReader } from './planned-spend.service';

/** Buckets without any new decision after which data count as stale; never below a minute. */
const STALE_BUCKETS = 3;
const STALE_MIN_MS = 60_000;

/** Reads the guardrails of a serving canary: system metrics of the trailing decisions against the concurrent control. */
@Injectable()
export class GuardReader {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly kpis: KpiRepository,
    private readonly verdictSums: VerdictSums,
    private readonly plannedSpend: PlannedSpendReader,
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
    const { cell, rolloutId, stage, shareBps } = input;
    const startMs = trailingStartMs(rows, stage, CATASTROPHE_MIN_DECISIONS) ?? nowMs;
    const latency = await this.verdictSums.latencies(cell, rolloutId, stage, startMs);
    const planned = await this.plannedSpend.of(cell, shareBps / 10_000, startMs, nowMs);
    const breach = worstBreach({ recent, latency, planned });
    if (breach !== null) return { status: 'fired', reason: readingSentence(breach) };
    return { status: 'holding', reason: `guardrails hold over ${recent.canary.requests} canary decisions` };
  }
}

import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../api-docs';
import { ControlPlaneConfig } from '../config';
import { KpiRepository } from './kpi.repository';
import { ReconciliationService } from './reconciliation.service';

const count = z.number().int();
const balance = z.object({ quantity: z.string(), events: count, rollups: count });

class ReconciliationDto extends createZodDto(
  z
    .object({
      balances: z.array(balance).describe('Per quantity: what the events say and what the KPI sums say'),
      broken: z.array(balance).describe('Those that differ; empty when nothing was lost or counted twice'),
      outcomes: z.record(z.string(), count),
      orphans: count.describe('Outcomes whose decision has not arrived'),
      duplicates: z.object({ decisions: count, outcomes: count }),
      lateBills: z.object({ count, spendNanos: count }),
      kpi: z
        .object({ rows: count, sha256: z.string() })
        .describe('Digest over all KPI rows: equal digests are equal sums'),
    })
    .meta({ id: 'Reconciliation' }),
) {}

@ApiTags('lake')
@Controller('api/v1/lake')
export class ReconciliationController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly reconciliation: ReconciliationService,
    private readonly kpis: KpiRepository,
  ) {}

  /** Compares the events of the last 47 hours with the sums made of them. */
  @Get('reconciliation')
  @ApiProblems('database-unavailable')
  @ZodResponse({ status: 200, description: 'The balances', type: ReconciliationDto })
  async reconcile() {
    const report = await this.reconciliation.reconcile();
    return { ...report, kpi: await this.kpis.rowDigest(this.config.cell) };
  }
}

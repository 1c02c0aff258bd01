import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { createZodDto } from 'nestjs-zod';
import { z } from 'zod';
import { ApiProblems } from '../../api-docs';
import { reportHtml } from './report-html';
import { rolloutReportSchema } from './report-schema';
import { ReportService } from './report.service';

/** The page holds its own style and loads nothing. */
const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

class ReportQueryDto extends createZodDto(z.object({ format: z.enum(['html', 'json']).default('json') })) {}
class RolloutReportDto extends createZodDto(rolloutReportSchema.meta({ id: 'RolloutReport' })) {}

/** Everything that is kept of one rollout, for people and for programs. */
@ApiTags('evidence')
@Controller('api/v1/rollouts/:rolloutId/report')
export class ReportController {
  constructor(private readonly reports: ReportService) {}

  /** JSON with a versioned schema, or one self-contained HTML file with plots. */
  @Get()
  @ApiProblems('not-found', 'invalid-input')
  @ApiProduces('application/json', 'text/html')
  @ApiResponse({ status: 200, description: 'The report; `format=html` answers a page', type: RolloutReportDto.Output })
  async report(
    @Param('rolloutId') rolloutId: string,
    @Query() { format }: ReportQueryDto,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const report = await this.reports.build(rolloutId, new Date());
    if (format === 'json') {
      await reply.send(rolloutReportSchema.parse(report));
      return;
    }
    const page = reportHtml(report);
    await reply.type('text/html; charset=utf-8').header('content-security-policy', REPORT_POLICY).send(page);
  }
}

import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createZodDto, ZodResponse } from 'nestjs-zod';
import { exchangeNameSchema } from '#domain/contracts/exchange';
import {
  type InvoiceReport,
  invoiceReportSchema,
  type InvoiceSummary,
  invoiceSummarySchema,
  reconcileInputSchema,
} from '#domain/contracts/invoice-report';
import { ApiIdempotent, ApiProblems } from '../api-docs';
import { actorOf } from '../approvals/actor';
import { ControlPlaneConfig } from '../config';
import { type Page, pageQuerySchema, pageSchema } from '../cursor-page';
import { IdempotentWrites, sendAnswer } from '../idempotency/idempotent-writes';
import { InvoiceReportRepository } from './invoice-report.repository';
import { InvoiceService } from './invoice.service';

class ReconcileInputDto extends createZodDto(reconcileInputSchema.meta({ id: 'ReconcileInput' })) {}
class InvoiceReportDto extends createZodDto(invoiceReportSchema.meta({ id: 'InvoiceReport' })) {}
class InvoiceSummaryPageDto extends createZodDto(pageSchema(invoiceSummarySchema).meta({ id: 'InvoiceSummaryPage' })) {}
class InvoiceQueryDto extends createZodDto(pageQuerySchema.extend({ exchange: exchangeNameSchema.optional() })) {}

/** Invoices of exchanges beside our books. */
@ApiTags('invoices')
@Controller('api/v1/reconciliations')
export class InvoicesController {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly writes: IdempotentWrites,
    private readonly invoices: InvoiceService,
    private readonly reports: InvoiceReportRepository,
  ) {}

  /** Compares one day of an exchange's invoice with the bills that it sent, and keeps the report; `book` takes the lines into the books. */
  @Post()
  @ApiIdempotent()
  @ApiProblems(
    ...(['malformed-request', 'invalid-input', 'invalid-invoice', 'not-found', 'not-ready'] as const),
    ...(['already-exists', 'conflict', 'idempotency-key-reused'] as const),
  )
  @ZodResponse({ status: 201, description: 'The report', type: InvoiceReportDto })
  async reconcile(
    @Body() input: ReconcileInputDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<InvoiceReport> {
    const answer = await this.writes.run(request, async (manager) => {
      const body = await this.invoices.reconcile(manager, input, actorOf(request).name);
      return { status: 201, body, headers: { location: `/api/v1/reconciliations/${body.reportId}` } };
    });
    return sendAnswer(reply, answer);
  }

  @Get()
  @ApiProblems('malformed-request', 'invalid-input')
  @ZodResponse({ status: 200, description: 'Newest first, without the single results', type: InvoiceSummaryPageDto })
  list(@Query() query: InvoiceQueryDto): Promise<Page<InvoiceSummary>> {
    return this.reports.list(this.config.cell, query);
  }

  @Get(':reportId')
  @ApiProblems('not-found')
  @ZodResponse({ status: 200, description: 'The report as it was made', type: InvoiceReportDto })
  get(@Param('reportId') reportId: string): Promise<InvoiceReport> {
    return this.reports.get(this.config.cell, reportId);
  }
}

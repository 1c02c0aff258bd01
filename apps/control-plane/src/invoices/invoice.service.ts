import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { FxTable } from '#domain/contracts/exchange';
import type { InvoiceReport, ReconcileInput } from '#domain/contracts/invoice-report';
import { type BookedSums, compareInvoice } from '#domain/reconciliation/compare-invoice';
import { ratePpbOf } from '#domain/reconciliation/invoice-rate';
import { type InvoiceLine, readInvoice } from '#domain/reconciliation/read-invoice';
import { ControlPlaneConfig } from '../config';
import { ExchangeRepository } from '../exchanges/exchange.repository';
import { prefixedId } from '../prefixed-id';
import { ProblemError } from '../problems/problem-error';
import { BookedSumsRepository } from './booked-sums.repository';
import { csvRows } from './csv-rows';
import { InvoiceReportRepository } from './invoice-report.repository';
import { sumBooks } from './sum-books';

/** Sets exchanges' invoices beside what their notices told us. */
@Injectable()
export class InvoiceService {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
    private readonly exchanges: ExchangeRepository,
    private readonly books: BookedSumsRepository,
    private readonly reports: InvoiceReportRepository,
  ) {}

  /**
   * Compares, keeps the report, and books its lines when asked to, all or nothing.
   * @throws ProblemError `not-found` for an exchange, `invalid-invoice`, and what booking throws.
   */
  async reconcile(manager: EntityManager, input: ReconcileInput, createdBy: string): Promise<InvoiceReport> {
    const { cell } = this.config;
    const { exchange, day, timeZone, toleranceBps } = input;
    const { seat } = await this.exchanges.get(cell, exchange, manager);
    const read = readInvoice(csvRows(input.invoice), day);
    if (!read.ok) throw invalid(read.faults);
    const { lines, scope, otherDays } = read.invoice;
    const fx = await this.fxOf(lines);
    const byCampaign = await this.books.byCampaign(exchange, await this.books.boundsOf(day, timeZone));
    const books: ReadonlyMap<string, BookedSums> =
      scope === 'campaign' ? byCampaign : new Map([[seat, sumBooks(byCampaign.values())]]);
    const currencies = [...new Set(lines.map((line) => line.currency))].sort();
    const ratesPpb = Object.fromEntries(currencies.map((code) => [code, String(ratePpbOf(fx, code))]));
    const report: InvoiceReport = {
      schemaVersion: 1,
      reportId: prefixedId('rec'),
      ...{ exchange, day, timeZone, scope, toleranceBps, otherDays },
      fx: { base: fx.base, asOfMs: fx.asOfMs, ratesPpb },
      invoiceSha256: createHash('sha256').update(input.invoice).digest('hex'),
      isBooked: input.book,
      ...compareInvoice(lines, books, { fx, toleranceBps }),
      ...{ createdBy, createdAt: new Date().toISOString() },
    };
    await this.reports.insert(manager, cell, report);
    if (input.book) await this.reports.book(manager, cell, report);
    return report;
  }

  /** The fleet's rates, which know every currency of the invoice. */
  private async fxOf(lines: readonly InvoiceLine[]): Promise<FxTable> {
    const [setting] = (await this.database.query('SELECT fx FROM cell_setting WHERE cell = $1', [
      this.config.cell,
    ])) as { fx: FxTable }[];
    if (setting === undefined) throw new ProblemError('not-ready', `Cell ${this.config.cell} has no rates yet.`);
    const unknown = [...new Set(lines.map(({ currency }) => currency))].filter(
      (c) => ratePpbOf(setting.fx, c) === null,
    );
    if (unknown.length === 0) return setting.fx;
    throw invalid(
      unknown.map((currency) => ({
        ...{ pointer: '/invoice', code: 'currency-without-rate', detail: `the FX table has no rate of ${currency}` },
      })),
    );
  }
}

const invalid = (faults: readonly { pointer: string; code: string; detail: string }[]): ProblemError =>
  new ProblemError(
    'invalid-invoice',
    `${faults.length} fault(s). First: ${faults[0]?.pointer ?? ''} ${faults[0]?.detail ?? ''}.`,
    [...faults],
  );

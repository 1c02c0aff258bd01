import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { InvoiceReport, InvoiceSummary } from '#domain/contracts/invoice-report';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { notFound, ProblemError } from '../problems/problem-error';

/** Faults that one answer names. */
const MAX_FAULTS = 20;

/** Reports as they were made, and the lines that were taken into the books. */
@Injectable()
export class InvoiceReportRepository {
  constructor(private readonly database: DataSource) {}

  async insert(manager: EntityManager, cell: string, report: InvoiceReport): Promise<void> {
    const { reportId, exchange, day, invoiceSha256, isBooked, isMatched, createdBy, createdAt } = report;
    await manager.query(
      `INSERT INTO invoice_report (report_id, cell, exchange, day, invoice_sha256, is_booked, is_matched, report, created_by, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        ...[reportId, cell, exchange, day, invoiceSha256, isBooked, isMatched],
        ...[JSON.stringify(report), createdBy, createdAt],
      ],
    );
  }

  /**
   * Takes a report's lines into the books.
   * @throws ProblemError `already-exists` when one of them is there, `conflict` when the day was booked by the other scope: then none is.
   */
  async book(manager: EntityManager, cell: string, report: InvoiceReport): Promise<void> {
    const { exchange, day, scope, reportId } = report;
    const place = [cell, exchange, day, scope];
    await manager.query(
      'INSERT INTO invoice_day (cell, exchange, day, scope) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      place,
    );
    const [booked] = (await manager.query(
      'SELECT scope FROM invoice_day WHERE cell = $1 AND exchange = $2 AND day = $3',
      place.slice(0, 3),
    )) as [{ scope: string }];
    if (booked.scope !== scope) throw otherScope(booked.scope);
    const lines = report.results.flatMap(({ scopeId, invoiced }) =>
      (invoiced?.lines ?? []).map((line) => ({ scopeId, ...line })),
    );
    const fresh = (await manager.query(
      `INSERT INTO invoice_line (cell, exchange, day, scope, report_id, scope_id, currency, impressions, currency_nanos, spend_nanos)
       SELECT $1, $2, $3, $4, $5, line.* FROM unnest($6::text[], $7::text[], $8::bigint[], $9::numeric[], $10::numeric[]) AS line
       ON CONFLICT DO NOTHING RETURNING scope_id, currency`,
      [
        ...[...place, reportId, lines.map((line) => line.scopeId), lines.map((line) => line.currency)],
        ...[lines.map((line) => line.impressions), lines.map((line) => line.currencyNanos)],
        lines.map((line) => line.spendNanos),
      ],
    )) as { scope_id: string; currency: string }[];
    if (fresh.length === lines.length) return;
    const isFresh = new Set(fresh.map((line) => `${line.scope_id} ${line.currency}`));
    throw alreadyBooked(lines.map((line) => `${line.scopeId} ${line.currency}`).filter((name) => !isFresh.has(name)));
  }

  /** @throws ProblemError `not-found`. */
  async get(cell: string, reportId: string): Promise<InvoiceReport> {
    const [row] = (await this.database.query('SELECT report FROM invoice_report WHERE cell = $1 AND report_id = $2', [
      cell,
      reportId,
    ])) as { report: InvoiceReport }[];
    if (row === undefined) throw notFound('report', reportId);
    return row.report;
  }

  /** Newest first, without the single results. */
  async list(cell: string, query: PageQuery & { exchange?: string | undefined }): Promise<Page<InvoiceSummary>> {
    const rows = (await this.database.query(
      `SELECT report - 'results' AS report FROM invoice_report WHERE cell = $1 AND ($2::text IS NULL OR exchange = $2)
         AND ($3::text IS NULL OR report_id < $3) ORDER BY report_id DESC LIMIT $4`,
      [cell, query.exchange ?? null, decodeCursor(query.cursor), query.limit + 1],
    )) as { report: InvoiceSummary }[];
    return pageOf(
      rows.map(({ report }) => report),
      query.limit,
      ({ reportId }) => reportId,
    );
  }
}

const otherScope = (scope: string): ProblemError =>
  new ProblemError('conflict', `This day was booked by ${scope}: the same impressions are not owed twice.`, [
    { pointer: '/invoice', code: 'other-scope', detail: `this day is booked by ${scope}` },
  ]);

const alreadyBooked = (names: readonly string[]): ProblemError =>
  new ProblemError(
    'already-exists',
    `${names.length} line(s) are in the books already; none was booked now.`,
    names.slice(0, MAX_FAULTS).map((name) => ({ pointer: '/invoice', code: 'line-booked', detail: name })),
  );

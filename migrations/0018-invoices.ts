import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What exchanges say we owe: reports of comparisons, and the lines taken into the books, each once. */
export class Invoices0000000000018 implements MigrationInterface {
  readonly name = 'invoices-0000000000018';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE invoice_report (
        report_id text PRIMARY KEY CHECK (length(report_id) BETWEEN 1 AND 64),
        cell text NOT NULL,
        exchange text NOT NULL CHECK (exchange ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
        day date NOT NULL,
        invoice_sha256 text NOT NULL CHECK (invoice_sha256 ~ '^[0-9a-f]{64}$'),
        is_booked boolean NOT NULL,
        is_matched boolean NOT NULL,
        -- domain/contracts/invoice-report.ts
        report jsonb NOT NULL CHECK (jsonb_typeof(report) = 'object'),
        created_by text NOT NULL,
        created_at timestamptz NOT NULL
      );
      CREATE INDEX invoice_report_newest ON invoice_report (cell, created_at DESC, report_id DESC);
      -- A day is invoiced by campaign or by seat: the same impressions must not be owed under both.
      CREATE TABLE invoice_day (
        cell text NOT NULL,
        exchange text NOT NULL,
        day date NOT NULL,
        scope text NOT NULL CHECK (scope IN ('campaign', 'seat')),
        PRIMARY KEY (cell, exchange, day),
        UNIQUE (cell, exchange, day, scope)
      );
      CREATE TABLE invoice_line (
        cell text NOT NULL,
        exchange text NOT NULL,
        day date NOT NULL,
        scope text NOT NULL,
        scope_id text NOT NULL CHECK (length(scope_id) BETWEEN 1 AND 128),
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        impressions bigint NOT NULL CHECK (impressions >= 0),
        currency_nanos numeric(30, 0) NOT NULL CHECK (currency_nanos >= 0),
        spend_nanos numeric(30, 0) NOT NULL CHECK (spend_nanos >= 0),
        report_id text NOT NULL REFERENCES invoice_report,
        PRIMARY KEY (cell, exchange, day, scope_id, currency),
        FOREIGN KEY (cell, exchange, day, scope) REFERENCES invoice_day (cell, exchange, day, scope)
      );
      ${['invoice_report', 'invoice_day', 'invoice_line'].map(appendOnly).join('\n')}
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE invoice_line, invoice_day, invoice_report');
  }
}

const appendOnly = (table: string): string => `
  CREATE TRIGGER ${table}_append_only BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION append_only();
  CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION append_only();`;

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { InvoiceReport, InvoiceResult, InvoiceSummary } from '#domain/contracts/invoice-report';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { contextOf, type CommandContext } from './command-context';

interface ReconcileFlags {
  exchange?: string;
  day?: string;
  invoice?: string;
  timeZone: string;
  toleranceBps: string;
  book?: boolean;
  list?: boolean;
  show?: string;
}

const NANOS_PER_UNIT = 1_000_000_000n;
const MICROS_PER_UNIT = 1_000_000n;

/** `adloop reconcile`: an exchange's invoice beside our books. Ends with 6 when they differ. */
export function addReconcileCommand(program: Command): void {
  program
    .command('reconcile')
    .description("compare one day of an exchange's invoice with the bills it sent; exit code 6 when they differ")
    .option('--exchange <name>', 'exchange that sent the invoice')
    .option('--day <day>', 'day of the invoice, YYYY-MM-DD')
    .option(
      '--invoice <file>',
      'CSV with the columns day, campaign or seat, currency, impressions, spend; - for standard input',
    )
    .option('--time-zone <zone>', "of the invoice's days", 'UTC')
    .option('--tolerance-bps <n>', 'differences up to this are none, hundredths of a per cent', '100')
    .option('--book', 'take the lines into the books of what is owed, each once')
    .option('--list', 'reports made before, of one exchange with --exchange')
    .option('--show <report>', 'a report made before')
    .action(async (flags: ReconcileFlags, command: Command) => {
      const context = contextOf(command);
      if (flags.list) return list(context, flags.exchange);
      const report = flags.show === undefined ? await make(context, flags) : await find(context, flags.show);
      print(report, context);
      if (!report.isMatched) process.exitCode = EXIT.gateFailed;
    });
}

const find = (context: CommandContext, reportId: string): Promise<InvoiceReport> =>
  context.api('viewer').call('GET', `/reconciliations/${encodeURIComponent(reportId)}`);

function make(context: CommandContext, flags: ReconcileFlags): Promise<InvoiceReport> {
  const { exchange, day, invoice, timeZone, toleranceBps, book = false } = flags;
  if (exchange === undefined || day === undefined || invoice === undefined)
    throw new CliError('WHAT_TO_RECONCILE', 'Name --exchange, --day and --invoice, or --show a report.', EXIT.usage);
  if (!/^\d{1,5}$/.test(toleranceBps))
    throw new CliError('NOT_A_NUMBER', `"${toleranceBps}" is no whole number.`, EXIT.usage);
  const input = { exchange, day, invoice: readText(invoice), timeZone, toleranceBps: Number(toleranceBps), book };
  return context.api('ad-ops').call('POST', '/reconciliations', input);
}

async function list(context: CommandContext, exchange: string | undefined): Promise<void> {
  const query = exchange === undefined ? '' : `?exchange=${encodeURIComponent(exchange)}`;
  const { items } = await context.api('viewer').call<{ items: InvoiceSummary[] }>('GET', `/reconciliations${query}`);
  printRows(
    items,
    ['reportId', 'exchange', 'day', 'scope', 'isMatched', 'isBooked', 'createdBy', 'createdAt'],
    context.format,
  );
}

function print(report: InvoiceReport, context: CommandContext): void {
  if (context.format !== 'table') return printObject(report, context.format);
  const { total, fx } = report;
  console.log(`${report.exchange} on ${report.day} (${report.timeZone}) by ${report.scope}, report ${report.reportId}`);
  printRows(
    report.results.map(rowOf),
    ['id', 'status', 'impressions', 'ours', 'spend', 'ourSpend', 'difference', 'bid', 'late'],
    'table',
  );
  for (const { scopeId, explanations } of report.results)
    for (const { code, count, nanos, decisionIds } of explanations)
      console.log(`${scopeId}: ${code}, ${count} worth ${amount(nanos)} ${fx.base}${examplesOf(decisionIds)}`);
  const { invoiced, booked, difference } = total;
  console.log(
    `Invoice ${amount(invoiced.spendNanos)}, books ${amount(booked.spendNanos)}, difference ${amount(difference.spendNanos)} ${fx.base}.`,
  );
  if (report.isBooked) console.log('The lines are in the books.');
}

const examplesOf = (decisionIds: readonly string[]): string =>
  decisionIds.length === 0 ? '' : ` (${decisionIds.slice(0, 2).join(', ')}${decisionIds.length > 2 ? ', …' : ''})`;

function rowOf({ scopeId, status, invoiced, booked, difference }: InvoiceResult): Record<string, unknown> {
  return {
    ...{ id: scopeId, status, impressions: invoiced?.impressions, ours: booked?.impressions },
    ...{ spend: invoiced && amount(invoiced.spendNanos), ourSpend: booked && amount(booked.spendNanos) },
    difference: amount(difference.spendNanos),
    bid: booked && booked.bids > 0 ? amount(booked.bidNanos) : null,
    late: booked?.lateBills,
  };
}

/** Nanos as units with six places, cut: for people. */
function amount(nanos: string): string {
  const value = BigInt(nanos);
  const size = value < 0n ? -value : value;
  const micros = String((size % NANOS_PER_UNIT) / (NANOS_PER_UNIT / MICROS_PER_UNIT)).padStart(6, '0');
  return `${value < 0n ? '-' : ''}${size / NANOS_PER_UNIT}.${micros}`;
}

function readText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    throw new CliError('FILE_NOT_READABLE', `Cannot read ${path}: ${(cause as Error).message}.`, EXIT.usage);
  }
}

import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Outcome } from '#domain/contracts/outcome';
import type { InvoiceReport, InvoiceSummary } from '#domain/contracts/invoice-report';
import { sampleEvents } from '#domain/lake/sample-events';
import { startDuties } from '../../apps/control-plane/src/application';
import { SegmentIngestService } from '../../apps/control-plane/src/lake/segment-ingest.service';
import { temporaryFolder } from '../fixtures/local-edge';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness, SHIPPED_DIR } from './control-plane-harness';
import { draws, segmentOf } from './open-lake';

const HOUR_MS = 3_600_000;
/** Yesterday at noon in UTC: a day that is over. */
const NOON_MS = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS - 12 * HOUR_MS;
const DAY = new Date(NOON_MS).toISOString().slice(0, 10);
const HEADER = 'day,campaign,currency,impressions,spend';

interface Refusal {
  code: string;
  errors?: { pointer: string; code: string; detail: string }[];
}

describe('invoices beside the books of a real control plane', () => {
  const folder = temporaryFolder('invoices');
  let plane: ControlPlaneHarness;
  let cli: CliRunner;
  let outcomes: Outcome[];

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start({ SHIPPED_DIR });
    await startDuties(plane.app);
    cli = await CliRunner.over(plane);
    const events = [...sampleEvents({ startMs: NOON_MS, requestsPerSecond: 20, rng: draws(5) }, 600)];
    outcomes = events.flatMap((event) => event.outcomes);
    const { bytes, sha256 } = segmentOf([...events.map(({ decision }) => decision), ...outcomes]);
    await plane.app.get(SegmentIngestService, { strict: false }).ingest('edge-1', 'b-000001', sha256, bytes);
  });
  afterAll(async () => {
    await plane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const bills = (campaignId: string): Outcome[] =>
    outcomes.filter((one) => one.kind === 'bill' && !one.isTest && one.campaignId === campaignId);
  /** One line that says what we say; nine places hold a nano. */
  function lineOf(
    campaignId: string,
    over: { impressions?: number; factor?: bigint; day?: string; currency?: string } = {},
  ): string {
    const own = bills(campaignId);
    const nanos = own.reduce((sum, bill) => sum + BigInt(bill.priceNanos), 0n) * (over.factor ?? 1n);
    const spend = `${nanos / 1_000_000_000n}.${String(nanos % 1_000_000_000n).padStart(9, '0')}`;
    return [over.day ?? DAY, campaignId, over.currency ?? 'USD', over.impressions ?? own.length, spend].join();
  }
  const reconcile = <T = InvoiceReport>(body: Record<string, unknown>, as = 'adam', headers = {}) =>
    plane.call<T>('POST', '/api/v1/reconciliations', { as, body: { exchange: 'demo', day: DAY, ...body }, headers });
  const all = ['camp-a', 'camp-b', 'camp-c'];

  test('one that says what the notices said is matched to the nano, with what was bid beside it', async () => {
    const { status, body } = await reconcile({ invoice: invoiceOf(...all.map((id) => lineOf(id))), toleranceBps: 0 });
    expect([status, body.isMatched, body.isBooked]).toEqual([201, true, false]);
    expect(body.total).toMatchObject({ difference: { impressions: 0, spendNanos: '0' }, statuses: { matched: 3 } });
    for (const { scopeId, booked } of body.results)
      expect(booked).toMatchObject({ impressions: bills(scopeId).length, bids: bills(scopeId).length });
    expect((await plane.call('GET', `/api/v1/reconciliations/${body.reportId}`, { as: 'vera' })).body).toEqual(body);
  });

  test('differences name the notices behind them: wins that were never billed, bills late and at the full bid', async () => {
    const won = outcomes.find((one) => one.kind === 'win' && !one.isTest && one.campaignId === 'camp-a')!;
    const lost = { ...won, outcomeId: 'w', kind: 'win' as const, decisionId: 'never-billed', atMs: won.atMs + 1 };
    const late = { ...bills('camp-b')[0]!, decisionId: 'late', outcomeId: 'l', reservationLive: false };
    const next = { ...bills('camp-b')[0]!, decisionId: 'next', outcomeId: 'n', atMs: NOON_MS + 13 * HOUR_MS };
    const { bytes, sha256 } = segmentOf([lost, late, next]);
    await plane.app.get(SegmentIngestService, { strict: false }).ingest('edge-1', 'b-000002', sha256, bytes);
    const invoice = invoiceOf(lineOf('camp-a', { impressions: bills('camp-a').length + 1 }), lineOf('camp-b'));
    const { body } = await reconcile({ invoice, toleranceBps: 0 });
    const of = (id: string) => body.results.find(({ scopeId }) => scopeId === id)!;
    expect(of('camp-a')).toMatchObject({ status: 'count-difference', difference: { impressions: 1 } });
    expect(of('camp-a').explanations).toContainEqual({
      ...{ code: 'win-without-bill', count: 1, nanos: String(won.priceNanos), decisionIds: ['never-billed'] },
    });
    expect(of('camp-b')).toMatchObject({ status: 'count-difference', booked: { lateBills: 1 } });
    expect(
      of('camp-b')
        .explanations.map(({ code }) => code)
        .sort(),
    ).toEqual(['full-bid', 'late-bill']);
    expect(of('camp-c')).toMatchObject({ status: 'missing', invoiced: null });
    // Fourteen hours ahead all of it was the next day.
    const ahead = await reconcile({ invoice, toleranceBps: 0, timeZone: 'Pacific/Kiritimati' });
    expect(ahead.body.total.booked.impressions).toBe(0);
  });

  test('lines are booked once, whoever says them again, and a day is booked by campaign or by seat', async () => {
    const invoice = invoiceOf(lineOf('camp-a'), lineOf('camp-c'));
    const key = { 'idempotency-key': 'the-same' };
    const answers = await Promise.all([1, 2].map(() => reconcile({ invoice, book: true }, 'adam', key)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[0]!.body).toEqual(answers[1]!.body);
    const race = await Promise.all(
      [1, 2].map(() => reconcile<Refusal>({ invoice: invoiceOf(lineOf('camp-b')), book: true })),
    );
    expect(race.map(({ status }) => status).sort()).toEqual([201, 409]);
    const again = await reconcile<Refusal>({ invoice: invoiceOf(lineOf('camp-c'), lineOf('camp-d')), book: true });
    expect(again).toMatchObject({ status: 409, body: { code: 'already-exists' } });
    expect(again.body.errors).toMatchObject([{ code: 'line-booked', detail: 'camp-c USD' }]);
    const seat = await reconcile<Refusal>({
      invoice: `day,seat,currency,impressions,spend\n${DAY},adloop,USD,1,1\n`,
      book: true,
    });
    expect(seat).toMatchObject({ status: 409, body: { code: 'conflict', errors: [{ code: 'other-scope' }] } });
    const lines = (await plane.database.query('SELECT scope_id FROM invoice_line ORDER BY scope_id')) as object[];
    expect(lines).toEqual(all.map((id) => ({ scope_id: id })));
    const reports = await plane.call<{ items: InvoiceSummary[] }>('GET', '/api/v1/reconciliations?exchange=demo');
    expect(reports.body.items.filter(({ isBooked }) => isBooked)).toHaveLength(2);
    const audit = await plane.call<{ items: { actor: string; path: string }[] }>('GET', '/api/v1/audit?limit=200', {
      as: 'root',
    });
    expect(audit.body.items).toContainEqual(
      expect.objectContaining({ actor: 'adam', path: '/api/v1/reconciliations' }),
    );
    await expect(plane.database.query('DELETE FROM invoice_line')).rejects.toThrow(/permission denied/);
  });

  test.each([
    ['of an exchange that there is not', { exchange: 'none' }, 404, 'not-found', undefined],
    [
      'in a currency without a rate',
      { invoice: invoiceOf(lineless('XXX')) },
      422,
      'invalid-invoice',
      'currency-without-rate',
    ],
    ['without a line', { invoice: HEADER }, 422, 'invalid-invoice', 'no-lines'],
    ['of something else', { invoice: 'hello' }, 422, 'invalid-invoice', 'missing-column'],
    ['of no day', { day: '2026-02-30' }, 422, 'invalid-input', undefined],
    ['in no time zone', { timeZone: 'Mars/North' }, 422, 'invalid-input', undefined],
    ['with a tolerance of more than all', { toleranceBps: 10_001 }, 422, 'invalid-input', undefined],
  ] as const)('one %s is refused with a code, and nothing is kept', async (_what, over, status, code, fault) => {
    const before = await plane.database.query('SELECT count(*) FROM invoice_report');
    const refused = await reconcile<Refusal>({ invoice: invoiceOf(lineless('USD')), ...over });
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    if (fault !== undefined) expect(refused.body.errors?.[0]?.code).toBe(fault);
    expect(await plane.database.query('SELECT count(*) FROM invoice_report')).toEqual(before);
  });

  test('those who may only read make no report', async () => {
    expect((await reconcile({ invoice: invoiceOf(lineOf('camp-a')) }, 'vera')).status).toBe(403);
  });

  test('the command prints it, ends with 6 where they differ, and shows it again', async () => {
    const file = path.join(folder, 'invoice.csv');
    writeFileSync(file, invoiceOf(lineOf('camp-a'), lineOf('camp-c', { factor: 2n })));
    const asked = ['reconcile', '--exchange', 'demo', '--day', DAY, '--invoice', file];
    const made = await cli.run(...asked);
    expect(process.exitCode).toBe(6);
    process.exitCode = 0;
    for (const word of ['camp-a', 'matched', 'price-difference', 'missing', 'above-our-bids'])
      expect(made.out).toContain(word);
    const reportId = /report (rec_[0-9a-f]+)/.exec(made.out)?.[1] ?? '';
    const shown = await cli.json<InvoiceReport>('-o', 'json', 'reconcile', '--show', reportId);
    expect(shown).toMatchObject({ reportId, isMatched: false });
    process.exitCode = 0;
    expect((await cli.run('reconcile', '--list', '--exchange', 'demo')).out).toContain(reportId);
    expect((await cli.run('reconcile', '--exchange', 'demo')).code).toBe(2);
    expect((await cli.run(...asked, '--tolerance-bps', 'x')).code).toBe(2);
    expect((await cli.run('reconcile', '--exchange', 'demo', '--day', DAY, '--invoice', '/none')).code).toBe(2);
  });
});

function lineless(currency: string): string {
  return `${DAY},camp-a,${currency},1,1`;
}

function invoiceOf(...lines: string[]): string {
  return [HEADER, ...lines, ''].join('\n');
}

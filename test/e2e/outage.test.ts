import { outageDrill, type OutageReport } from '../../scripts/drills/outage';
import { temporaryFolder } from '../../scripts/setup';
import { Narrator } from '../../scripts/story/narrator';
import { tidy } from './drill-folder';

/**
 * Given an edge with a serving canary and its twin; when its control plane, worker, Temporal and Postgres are gone; then it bids and spends
 * as the twin does. Here for minutes; the ten minutes of docs/faults.md are `npm run drill -- outage`.
 */
describe('an edge whose control plane, Temporal and Postgres are gone', () => {
  const folder = temporaryFolder('e2e');
  let report: OutageReport | undefined;

  beforeAll(async () => {
    const options = { folder, minutes: 2.5, requestsPerSecond: 60, seed: 1, warmUpSeconds: 10 };
    report = await outageDrill(options, new Narrator());
  }, 900_000);
  afterAll(() => tidy(folder, report?.faults));

  test('bids and spends as its twin does, within its leases', () => {
    expect(report!.alone.requestsPerSecond).toBeGreaterThanOrEqual(50);
    expect(report!.alone.spendNanos).toBeGreaterThan(0);
    expect(report!.bidRateDifference).toBeLessThanOrEqual(0.05);
    expect(report!.spendDifference).toBeLessThanOrEqual(0.05);
    expect([report!.leasesExceeded, report!.overdrawnGrants]).toEqual([0, 0]);
  });

  test('ends its canary within two minutes', () => {
    expect(report!.canaryShareBps).toBeGreaterThan(0);
    expect(report!.canaryEndedS).not.toBeNull();
    expect(report!.canaryEndedS!).toBeLessThanOrEqual(120);
  });

  test('loses no acknowledged notice of any kind', () => {
    expect(Object.keys(report!.acknowledged).sort()).toEqual(['bill', 'click', 'conversion', 'loss', 'win']);
    expect(report!.lost).toBe(0);
    expect(report!.faults).toEqual([]);
  });
});

import { killFileDrill, LONGEST_MS, type KillFileReport } from '../../scripts/drills/kill-file';
import { temporaryFolder } from '../../scripts/setup';
import { Narrator } from '../../scripts/story/narrator';
import { tidy } from './drill-folder';

/**
 * Given three edges under load with a serving canary, and Temporal, Postgres, worker and control plane killed with -9; when operators sign
 * kill files; then responses obey in time, and files that nobody may obey change nothing. Here a few changes; twenty of them are
 * `npm run drill -- kill-file`.
 */
describe('kill files while everything central is dead', () => {
  const folder = temporaryFolder('e2e');
  let report: KillFileReport | undefined;

  beforeAll(async () => {
    const options = { folder, seed: 1, requestsPerSecond: 40, short: true };
    report = await killFileDrill(options, new Narrator());
  }, 600_000);
  afterAll(() => tidy(folder, report?.faults));

  test('every change is obeyed by every edge within the bound, to the last response', () => {
    expect(report!.dead.toSorted()).toEqual(['control-plane', 'postgres', 'temporal', 'worker']);
    expect(new Set(report!.rows.map(({ name }) => name))).toEqual(
      new Set(['champion-only', 'lift', 'safe-bids-only', 'stop-bidding', 'lift, second key']),
    );
    for (const { responses, firstObeyingMs, lastDisobeyingMs } of report!.rows) {
      expect(responses).toBeGreaterThan(0);
      expect(firstObeyingMs).not.toBeNull();
      expect(Math.max(firstObeyingMs!, lastDisobeyingMs ?? 0)).toBeLessThanOrEqual(LONGEST_MS);
    }
    expect(report!.safeBids).toBeGreaterThan(0);
  });

  test('an old, unsigned, foreign, altered, half-written or deleted file changes nothing; nor does a lift by one operator', () => {
    expect(report!.forgeries.map(({ changed }) => changed)).toEqual([0, 0, 0, 0, 0, 0]);
    for (const { responses } of report!.forgeries) expect(responses).toBeGreaterThan(0);
    expect(report!.oneKeyLift).toMatchObject({ exitCode: 4, changed: 0 });
    expect(report!.faults).toEqual([]);
  });
});

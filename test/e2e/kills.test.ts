import { killsDrill, type KillsReport } from '../../scripts/drills/kills';
import { temporaryFolder } from '../../scripts/setup';
import { Narrator } from '../../scripts/story/narrator';
import { tidy } from './drill-folder';

/**
 * Given a home copied by backup and restore, and a canary that serves in both copies; when worker, Temporal and Postgres of one are
 * killed with -9; then both end alike.
 */
describe('a rollout whose worker, Temporal and Postgres are killed with -9 while the canary serves', () => {
  const folder = temporaryFolder('e2e');
  let report: KillsReport | undefined;

  beforeAll(async () => {
    report = await killsDrill({ folder, seed: 1 }, new Narrator());
  }, 900_000);
  afterAll(() => tidy(folder, report?.faults));

  test('each was really killed at a share above 0, replaced by another process, and the rollout looked again', () => {
    expect(report!.kills.map(({ part }) => part)).toEqual(['worker', 'temporal', 'postgres']);
    for (const { oldPid, newPid, shareBps, resumedS } of report!.kills) {
      expect(shareBps).toBeGreaterThan(0);
      expect(newPid).not.toBe(oldPid);
      expect(resumedS).toBeGreaterThan(0);
    }
  });

  test('pointers and sums are those of an unkilled run that was fed the same events', () => {
    expect(report!.killed.state).toBe('promoted');
    expect(report!.unkilled.state).toBe('promoted');
    expect(report!.killed.pointers).toEqual(report!.unkilled.pointers);
    for (const { rows, killed, unkilled } of Object.values(report!.sums)) {
      expect(rows).toBeGreaterThan(0);
      expect(killed).toBe(unkilled);
    }
  });

  test('no acknowledged notice is missing in either', () => {
    expect([report!.killed.lost, report!.unkilled.lost]).toEqual([0, 0]);
    expect(report!.faults).toEqual([]);
  });
});

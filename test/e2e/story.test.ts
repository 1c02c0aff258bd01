import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findRoot } from '../../scripts/setup';
import { lastJson } from './drill-folder';

interface Ending {
  promoted: string | null;
  rolledBack: string | null;
  timeToSafeMs: number | null;
  verdicts: string[];
  workerKilled: boolean;
  lost: number;
}

/** Given everything in a fresh folder; when the story is told; then it ends as told. */
test('the story: a better candidate is promoted although its worker dies, a worse one is rolled back, nothing is lost', () => {
  const root = findRoot();
  const told = spawnSync(process.execPath, [join(root, 'dist/scripts/story.js'), '--seed', '4'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ADLOOP_ROOT: root },
  });
  const ending = lastJson(told.stdout) as Ending;
  expect(ending).toMatchObject({ workerKilled: true, lost: 0 });
  expect(ending.promoted).toMatch(/^bid-/);
  expect(ending.rolledBack).toMatch(/^bid-/);
  expect(ending.promoted).not.toBe(ending.rolledBack);
  expect(ending.timeToSafeMs).toBeLessThanOrEqual(5000);
  expect(ending.verdicts).toEqual(expect.arrayContaining(['non-inferior', 'inferior']));
  expect(told.status).toBe(0);
}, 720_000);

/**
 * `npm run test:long`: what is run by hand because it takes the better part of an hour. Each part is a program of its own that ends with
 * one JSON line; the figures go into docs/faults.md.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { findRoot, readEnvironment } from './setup';

interface Part {
  name: string;
  /** Below the repository's root. */
  file: string;
  args: string[];
}

const longTest = (name: string, test: string): Part => ({
  name,
  file: 'node_modules/jest/bin/jest.js',
  args: ['--selectProjects', 'long', '--runInBand', '--forceExit', '--silent', '--', `test/long/${test}.test.ts`],
});

const PARTS: readonly Part[] = [
  longTest('edge: 1,000,000 histories of one budget', 'budget-schedules'),
  longTest('edge: kill -9, 100 times', 'edge-kills'),
  longTest('edge: soak of 20 minutes', 'edge-soak'),
  longTest('edge: fuzzing for 10 minutes', 'edge-fuzz'),
  ...[1, 2, 3].map((seed) => ({
    name: `story, seed ${seed}`,
    file: 'dist/scripts/story.js',
    args: ['--seed', String(seed)],
  })),
  { name: 'outage of 10 minutes', file: 'dist/scripts/drills/run.js', args: ['outage', '--minutes', '10'] },
  { name: 'canaries', file: 'dist/scripts/drills/run.js', args: ['canaries', '--json'] },
  { name: 'no worker for three stages', file: 'dist/scripts/drills/run.js', args: ['worker'] },
  { name: 'kill files', file: 'dist/scripts/drills/run.js', args: ['kill-file', '--json'] },
  { name: 'kills during a canary', file: 'dist/scripts/drills/run.js', args: ['kills'] },
];

let failed = 0;
for (const { name, file, args } of PARTS) {
  process.stderr.write(`adloop: ${name}\n`);
  const startedAtMs = Date.now();
  const { status, stdout } = spawnSync(process.execPath, [path.join(findRoot(), file), ...args], {
    cwd: findRoot(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...readEnvironment().inherited, LONG_TESTS: '1' },
  });
  if (status !== 0) failed += 1;
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
  process.stdout.write(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s) ${stdout.trim().split('\n').at(-1)}\n`,
  );
}
process.stdout.write(`${PARTS.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

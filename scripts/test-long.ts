/**
 * `npm run test:long`: what is run by hand because it takes the better part of an hour. Each part is a program of its own that ends with
 * one JSON line; the figures go into docs/faults.md.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { findRoot } from './setup';

const PARTS: readonly { name: string; file: string; args: string[] }[] = [
  ...[1, 2, 3].map((seed) => ({
    name: `story, seed ${seed}`,
    file: 'scripts/story.js',
    args: ['--seed', String(seed)],
  })),
  { name: 'outage of 10 minutes', file: 'scripts/drills/run.js', args: ['outage', '--minutes', '10'] },
  { name: 'canaries', file: 'scripts/drills/run.js', args: ['canaries', '--json'] },
  { name: 'no worker for three stages', file: 'scripts/drills/run.js', args: ['worker'] },
  { name: 'kill files', file: 'scripts/drills/run.js', args: ['kill-file', '--json'] },
  { name: 'kills during a canary', file: 'scripts/drills/run.js', args: ['kills'] },
];

let failed = 0;
for (const { name, file, args } of PARTS) {
  process.stderr.write(`adloop: ${name}\n`);
  const startedAtMs = Date.now();
  const { status, stdout } = spawnSync(process.execPath, [path.join(findRoot(), 'dist', file), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) failed += 1;
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(0);
  process.stdout.write(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s) ${stdout.trim().split('\n').at(-1)}\n`,
  );
}
process.stdout.write(`${PARTS.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

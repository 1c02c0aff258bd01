import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/**
 * Records test/replay/histories anew. Only for workflows that have never been released: a released history is replayed
 * for ever, and a changed workflow keeps it replayable by `patched()`.
 */
const root = join(__dirname, '..', __dirname.includes('dist') ? '..' : '');
const jest = join(root, 'node_modules', '.bin', 'jest');
const { status } = spawnSync(process.execPath, [jest, '--selectProjects', 'record', '--forceExit'], {
  cwd: root,
  env: { ...process.env, RECORD_HISTORIES: '1' },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;

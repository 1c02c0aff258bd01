'use strict';

const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { withLock } = require('./lock.cjs');
const { say } = require('./say.cjs');

function lockHash(root) {
  return createHash('sha256')
    .update(fs.readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

/** Somebody ran npm by hand after the last change of the lockfile: that counts. */
function installedByHand(root) {
  const inner = path.join(root, 'node_modules', '.package-lock.json');
  if (!fs.existsSync(inner)) return false;
  return fs.statSync(inner).mtimeMs >= fs.statSync(path.join(root, 'package-lock.json')).mtimeMs;
}

function runNpm(root) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm && npm.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []];
  const args = [...first, 'ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--progress=false'];
  return spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
}

/** Installs from the lockfile when node_modules is missing or older than the lockfile. */
exports.ensureInstalled = (root) => {
  const stamp = path.join(root, 'node_modules', '.adloop-lock-sha256');
  const fresh = () => fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === lockHash(root);
  if (fresh()) return;
  withLock(root, 'install', () => {
    if (fresh()) return;
    if (!fs.existsSync(stamp) && installedByHand(root)) {
      fs.writeFileSync(stamp, lockHash(root));
      return;
    }
    say('installing from the lockfile (about a minute, once)');
    const result = runNpm(root);
    if (result.error) throw new Error(`npm is needed and did not start: ${result.error.message}`);
    if (result.status !== 0) throw new Error('npm ci failed; its message is above');
    fs.writeFileSync(stamp, lockHash(root));
  });
};

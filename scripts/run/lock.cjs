'use strict';

const fs = require('node:fs');
const path = require('node:path');

const WAIT_MS = 600_000;

/** True while process `pid` exists (EPERM means it does, under another user). */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function take(file) {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const holder = Number(fs.readFileSync(file, 'utf8').trim() || process.pid);
    if (!alive(holder)) fs.rmSync(file, { force: true });
    return false;
  }
}

/** Runs `work` while holding a lock file, so that two npm scripts started together do not set up twice at once. */
exports.withLock = (root, name, work) => {
  const folder = path.join(root, '.tools');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.lock`);
  const until = Date.now() + WAIT_MS;
  while (!take(file)) {
    if (Date.now() > until)
      throw new Error(`another set-up has held ${file} for 10 minutes; delete it if none is running`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
  try {
    return work();
  } finally {
    fs.rmSync(file, { force: true });
  }
};

'use strict';

// `npm run check`: format, lint, types, arrows and the unit rung. Two parts run at a time (the aim is two cores).

const { spawn } = require('node:child_process');
const path = require('node:path');

const ROOT = path.dirname(path.dirname(__dirname));
const bin = (file) => path.join(ROOT, 'node_modules', file);

const PARTS = [
  { name: 'lint', args: [bin('eslint/bin/eslint.js'), '--cache', '--cache-location', '.tools/eslint', '.'] },
  { name: 'types', args: [bin('typescript/bin/tsc'), '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'format', args: [bin('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.'] },
  {
    name: 'arrows',
    args: [
      bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      ...['--config', '.dependency-cruiser.cjs'],
      ...['apps', 'workflows', 'activities', 'domain', 'scripts', 'migrations', 'bench', 'test'],
    ],
  },
  { name: 'unit', args: [bin('jest/bin/jest.js'), '--selectProjects', 'unit', '--silent', '--reporters=summary'] },
];

function run({ name, args }) {
  const startedAt = Date.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => {
      const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
      if (code !== 0) process.stdout.write(output.trimEnd() + '\n');
      resolve(code === 0);
    });
  });
}

async function main() {
  const queue = [...PARTS];
  const results = [];
  const lane = async () => {
    for (let part = queue.shift(); part; part = queue.shift()) results.push(await run(part));
  };
  await Promise.all([lane(), lane()]);
  const failed = results.filter((ok) => !ok).length;
  process.stdout.write(failed ? `${failed} of ${PARTS.length} checks failed\n` : `all ${PARTS.length} checks passed\n`);
  process.exitCode = failed ? 1 : 0;
}

void main();

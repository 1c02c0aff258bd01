import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import {
  findChromium,
  findRedisServer,
  findRtblint,
  findTemporal,
  findTemporalTestServer,
  readEnvironment,
  SetupError,
} from './setup';
import { addUp, countRung, lastLine, type Counts, type JestReport } from './test/totals';

// `npm test`: brings what the rungs need, runs each rung, prints the totals. The last line is "N passed, N failed".

/** One rung: how many files run at once, and whether it leaves native handles that only the end of the process closes. */
interface Rung {
  name: string;
  workers: 1 | 2;
  forceExit: boolean;
}

/**
 * Rungs in the order of their price. Files that start servers mostly wait for them, so two share a machine of two cores; each has
 * databases, namespaces and ports of its own.
 */
const RUNGS: readonly Rung[] = [
  { name: 'unit', workers: 2, forceExit: false },
  { name: 'architecture', workers: 1, forceExit: true },
  { name: 'contract', workers: 1, forceExit: true },
  { name: 'oracle', workers: 2, forceExit: false },
  { name: 'workflow', workers: 2, forceExit: true },
  { name: 'replay', workers: 1, forceExit: true },
  { name: 'integration', workers: 2, forceExit: true },
  { name: 'console', workers: 1, forceExit: true },
  { name: 'e2e', workers: 2, forceExit: true },
];

const environment = readEnvironment();
const say = (line: string): void => void process.stderr.write(`adloop: ${line}\n`);

/** What the rungs read: paths of the binaries, absent when there is none. */
async function prepare(): Promise<NodeJS.ProcessEnv> {
  const temporal = await findTemporal(environment, say);
  const testServer = findTemporalTestServer(environment, say);
  const redis = findRedisServer(environment, say);
  const rtblint = findRtblint(environment, say);
  if (!rtblint && environment.requireRtblint)
    throw new SetupError('rtblint is required: install cargo, or put rtblint on PATH');
  if (!rtblint) say('no cargo and no rtblint on PATH: the contract rung skips the linter');
  const chromium = existsSync(path.join(environment.root, 'test/console')) ? findChromium(environment, say) : null;
  return {
    ...environment.inherited,
    TEMPORAL_CLI_PATH: temporal,
    ...(testServer ? { TEMPORAL_TEST_SERVER_PATH: testServer } : {}),
    ...(redis ? { REDIS_SERVER_PATH: redis } : {}),
    ...(rtblint ? { RTBLINT_PATH: rtblint } : {}),
    ...(chromium ? { CHROMIUM_PATH: chromium } : {}),
  };
}

async function runRung(rung: Rung, folder: string, env: NodeJS.ProcessEnv): Promise<Counts> {
  const report = path.join(folder, `${rung.name}.json`);
  const jest = path.join(environment.root, 'node_modules/jest/bin/jest.js');
  const args = [jest, '--selectProjects', rung.name, '--passWithNoTests', '--json', '--outputFile', report];
  args.push(...(rung.workers === 1 ? ['--runInBand'] : ['--maxWorkers', String(rung.workers)]));
  if (rung.forceExit) args.push('--forceExit');
  const startedAtMs = Date.now();
  const code = await new Promise<number>((resolve) => {
    // With --json Jest writes its report to stdout as well; the readable output is on stderr.
    const child = spawn(process.execPath, args, { cwd: environment.root, env, stdio: ['ignore', 'ignore', 'inherit'] });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
    child.once('error', () => resolve(1));
    child.once('exit', (status) => resolve(status ?? 1));
  });
  const counts = countRung(rung.name, readReport(report), code, (Date.now() - startedAtMs) / 1000);
  say(
    `${rung.name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${counts.seconds.toFixed(1)} s`,
  );
  return counts;
}

function readReport(file: string): JestReport | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JestReport;
  } catch {
    return null; // Jest died before it wrote one: countRung makes that a failure.
  }
}

async function main(): Promise<void> {
  const chosen = process.argv.slice(2);
  const unknown = chosen.filter((name) => !RUNGS.some((rung) => rung.name === name));
  if (unknown.length > 0)
    throw new SetupError(`no rung ${unknown.join(', ')}; there are ${RUNGS.map((r) => r.name).join(', ')}`);
  const env = await prepare();
  const folder = mkdtempSync(path.join(environment.tools, 'reports-'));
  const all: Counts[] = [];
  for (const rung of RUNGS)
    if (chosen.length === 0 || chosen.includes(rung.name)) all.push(await runRung(rung, folder, env));
  rmSync(folder, { recursive: true });
  for (const { name, passed, failed, skipped, seconds } of all) {
    process.stdout.write(
      `${name.padEnd(13)} ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(1)} s\n`,
    );
  }
  const total = addUp(all);
  for (const reason of total.skippedNames) process.stdout.write(`skipped: ${reason}\n`);
  process.stdout.write(lastLine(total) + '\n');
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  say(error instanceof SetupError ? error.message : String((error as Error).stack ?? error));
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
});

import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, statfsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { CliConfig } from '../config';
import { CliError, EXIT } from '../exit-code';
import { printRows } from '../output';
import { contextOf } from './command-context';

/** One finding: what was looked at, whether it is well, and what to do when it is not. */
export interface Finding {
  check: string;
  state: 'ok' | 'warn' | 'fail';
  detail: string;
  next: string;
}

const MIN_FREE_BYTES = 2 * 2 ** 30;
const ok = (check: string, detail: string): Finding => ({ check, state: 'ok', detail, next: '' });

/** `adloop doctor`: ports, disk, clock, runtime, models, and the parts of a running stack; says what to do. */
export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check ports, disk, clock, runtime and models of this machine')
    .action(async (_options: unknown, command: Command) => {
      const { config, format } = contextOf(command);
      const findings = [
        checkRuntime(process.versions.node),
        checkHome(config.home),
        checkDisk(config.home),
        await checkOnnxRuntime(),
        ...checkArtifacts(join(config.home, 'artifacts')),
        ...(await checkPorts(config)),
        ...(await checkParts(config)),
        await checkClock(config),
      ];
      printRows(
        findings.map((finding) => ({ ...finding })),
        ['check', 'state', 'detail', 'next'],
        format,
      );
      const failed = findings.filter((finding) => finding.state === 'fail').length;
      if (failed > 0)
        throw new CliError('DOCTOR_FAULTS', `${failed} of ${findings.length} checks failed.`, EXIT.failed);
    });
}

function checkRuntime(version: string): Finding {
  const major = Number(version.split('.')[0]);
  if (major >= 24) return ok('runtime', `Node ${version}`);
  const next = 'Run it through npm (`npm run adloop -- doctor`), which uses the locked Node.';
  return { check: 'runtime', state: 'fail', detail: `Node ${version} is older than 24`, next };
}

function checkHome(home: string): Finding {
  try {
    mkdirSync(home, { recursive: true });
    accessSync(home, constants.W_OK);
    return ok('home', `${home} is writable`);
  } catch (cause) {
    const next = 'Set ADLOOP_HOME to a folder you may write to.';
    return { check: 'home', state: 'fail', detail: (cause as Error).message, next };
  }
}

function checkDisk(home: string): Finding {
  const { bavail, bsize } = statfsSync(existsSync(home) ? home : '.');
  const free = bavail * bsize;
  const detail = `${(free / 2 ** 30).toFixed(1)} GiB free`;
  if (free >= MIN_FREE_BYTES) return ok('disk', detail);
  return { check: 'disk', state: 'fail', detail, next: 'Free at least 2 GiB: the edge stops bidding on a full disk.' };
}

async function checkOnnxRuntime(): Promise<Finding> {
  try {
    const runtime = await import('onnxruntime-node');
    return ok('models: runtime', `onnxruntime ${runtime.env.versions.node ?? 'loaded'}`);
  } catch (cause) {
    const detail = `onnxruntime-node does not load: ${(cause as Error).message.split('\n')[0]}`;
    return { check: 'models: runtime', state: 'fail', detail, next: 'Reinstall with `npm ci` on Linux x64 or arm64.' };
  }
}

/** Every stored artifact must still have the content that its name says. */
function checkArtifacts(dir: string): Finding[] {
  if (!existsSync(dir)) return [ok('models: artifacts', 'none stored yet')];
  const files = readdirSync(dir).filter((name) => name.endsWith('.onnx'));
  const bad = files.filter((name) => {
    const digest = createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
    return `${digest}.onnx` !== name;
  });
  if (bad.length === 0) return [ok('models: artifacts', `${files.length} with the right content hash`)];
  const next = 'Restore them from a backup (`adloop restore`), or roll back to a model that is whole.';
  return [{ check: 'models: artifacts', state: 'fail', detail: `altered: ${bad.join(', ')}`, next }];
}

const DEFAULT_PORTS = { api: 7070, edge: 7080, temporal: 7233, temporalUi: 8233 };

/** While no stack runs, its default ports should be free. */
async function checkPorts(config: CliConfig): Promise<Finding[]> {
  if (config.stack) return [];
  return Promise.all(
    Object.entries(DEFAULT_PORTS).map(async ([name, port]) => {
      if (await isFree(port)) return ok(`port ${name}`, `${port} is free`);
      const next = `\`npm start\` takes another free port; stop what listens on ${port} to have the default.`;
      return { check: `port ${name}`, state: 'warn' as const, detail: `${port} is in use`, next };
    }),
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** While a stack runs, every process must live. */
async function checkParts(config: CliConfig): Promise<Finding[]> {
  if (!config.stack) return [ok('stack', 'not running (start it with `npm start`)')];
  return config.stack.processes.map(({ name, pid }) => {
    if (isAlive(pid)) return ok(`process ${name}`, `pid ${pid}`);
    const next = `Read ${join(config.home, 'logs', `${name}.log`)}, then \`npm start\` again.`;
    return { check: `process ${name}`, state: 'fail' as const, detail: `pid ${pid} is gone`, next };
  });
}

/** Whether a process exists, also when it belongs to another user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Compares this clock with the control plane's `Date` header; the leases need clocks within seconds. */
async function checkClock(config: CliConfig): Promise<Finding> {
  const year = new Date().getUTCFullYear();
  if (year < 2026) {
    return {
      check: 'clock',
      state: 'fail',
      detail: `the clock says ${year}`,
      next: 'Set it: leases and tokens expire by it.',
    };
  }
  if (!config.apiUrl) return ok('clock', new Date().toISOString());
  try {
    const response = await fetch(`${config.apiUrl}/healthz`, { signal: AbortSignal.timeout(5000) });
    const skewMs = Math.abs(Date.now() - Date.parse(response.headers.get('date') ?? new Date().toUTCString()));
    if (skewMs < 5000) return ok('clock', `within ${(skewMs / 1000).toFixed(1)} s of the control plane`);
    const detail = `${(skewMs / 1000).toFixed(0)} s away from the control plane`;
    return { check: 'clock', state: 'fail', detail, next: 'Synchronise both machines (NTP).' };
  } catch (cause) {
    const next = `Read ${join(config.home, 'logs')}; start the stack with \`npm start\`.`;
    return { check: 'control plane', state: 'fail', detail: (cause as Error).message, next };
  }
}

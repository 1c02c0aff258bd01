import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Supervisor, type Crash, type ProcessSpec } from './processes';
import { findRoot } from './root';

const node = (name: string, script: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name,
  command: process.execPath,
  args: ['-e', script],
  env: process.env,
  readyLine: /up/,
  readyWithinMs: 10_000,
  ...more,
});

const FOREVER = 'console.log("up"); setInterval(() => {}, 1000)';

/** A zombie that init has not reaped yet is dead to us. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('supervisor', () => {
  let logs: string;
  let supervisor: Supervisor;

  beforeEach(() => {
    logs = mkdtempSync(path.join(tmpdir(), 'adloop-processes-'));
    supervisor = new Supervisor(logs);
  });

  afterEach(async () => {
    await supervisor.stopAll();
    rmSync(logs, { recursive: true });
  });

  test('stops in reverse order and leaves nothing behind', async () => {
    const stops = `${FOREVER}; process.on('SIGTERM', () => { console.log('down ' + Date.now()); process.exit(0); })`;
    const first = await supervisor.start(node('first', stops));
    const second = await supervisor.start(node('second', stops));
    await supervisor.stopAll();
    const downAt = (name: string): number =>
      Number(/down (\d+)/.exec(readFileSync(supervisor.logFile(name), 'utf8'))?.[1]);
    expect([alive(first), alive(second)]).toEqual([false, false]);
    expect(downAt('second')).toBeLessThanOrEqual(downAt('first'));
  });

  test('a process that ignores its stop signal is killed after its grace, with its children', async () => {
    const script = `process.on('SIGTERM', () => {}); const c = require('child_process').spawn('sleep', ['60']); console.log('up ' + c.pid); setInterval(() => {}, 1000)`;
    const pid = await supervisor.start(node('stubborn', script, { stopWithinMs: 200 }));
    const grandchild = Number(/up (\d+)/.exec(readFileSync(supervisor.logFile('stubborn'), 'utf8'))?.[1]);
    await supervisor.stop('stubborn');
    expect([alive(pid), alive(grandchild)]).toEqual([false, false]);
  });

  test('a process that dies while starting is reported with its last words', async () => {
    const start = supervisor.start(node('broken', 'console.error("no config"); process.exit(3)'));
    await expect(start).rejects.toThrow(/broken ended while starting .*\nno config/);
  });

  test('a crash is reported; a kill that we asked for is not', async () => {
    const crashes: Crash[] = [];
    supervisor.onCrash = (crash) => crashes.push(crash);
    await supervisor.start(node('asked', FOREVER));
    await supervisor.kill('asked');
    const pid = await supervisor.start(node('crashed', FOREVER));
    process.kill(pid, 'SIGKILL');
    while (crashes.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(crashes.map(({ name, signal }) => ({ name, signal }))).toEqual([{ name: 'crashed', signal: 'SIGKILL' }]);
  });

  test('the guard ends what a killed supervisor left behind', async () => {
    const guard = spawn(process.execPath, [path.join(findRoot(), 'scripts/setup/guard.cjs')], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const orphan = spawn('sleep', ['60'], { detached: true });
    guard.stdin.end(`+ ${orphan.pid} SIGTERM\n`);
    const [, signal] = (await once(orphan, 'exit')) as [number, string];
    expect(signal).toBe('SIGTERM');
    await once(guard, 'exit');
  });
});

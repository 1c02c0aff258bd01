import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Owner } from './postgres-owner';
import { findRoot } from './root';
import { SetupError } from './setup-error';

export interface ProcessSpec {
  name: string;
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  owner?: Owner | null;
  /** Asked every 50 ms until true; without it, `readyLine` is awaited in its output. */
  ready?: () => Promise<boolean>;
  readyLine?: RegExp;
  readyWithinMs: number;
  /** How it is asked to end (default SIGTERM) and how long it has before SIGKILL (default 10 s). */
  stopSignal?: NodeJS.Signals;
  stopWithinMs?: number;
}

interface Running {
  spec: ProcessSpec;
  child: ChildProcess;
  /** The last lines it wrote, for the message when it dies. */
  tail: string[];
  sawReadyLine: boolean;
  exited: Promise<void>;
  logged: Promise<void>;
  /** Set before we end it ourselves; an exit without it is a crash. */
  expected: boolean;
}

export interface Crash {
  name: string;
  code: number | null;
  signal: NodeJS.Signals | null;
  tail: string[];
}

/** Whoever left the group may hold its output open for good. */
const LAST_WORDS_MS = 500;
const TAIL_LINES = 15;
const MESSAGE_LINE_CHARS = 300;
const POLL_MS = 50;

/**
 * Starts child processes in order, logs each to its file, stops them in reverse order. Every child leads its own process
 * group, so a terminal's Ctrl-C reaches only us; a guard process ends them all should we be killed.
 */
export class Supervisor {
  private readonly running = new Map<string, Running>();
  private readonly order: string[] = [];
  private guard: Writable | null = null;
  private stopping: Promise<void> | null = null;
  /** Called when a child ends that nobody asked to end. */
  onCrash: (crash: Crash) => void = () => undefined;

  constructor(private readonly logs: string) {
    mkdirSync(logs, { recursive: true });
  }

  /** Starts one process and waits until it is ready; throws a SetupError with its last words when it dies before. */
  async start(spec: ProcessSpec): Promise<number> {
    if (this.running.has(spec.name)) throw new Error(`${spec.name} runs already`);
    const entry = this.launch(spec);
    const until = Date.now() + spec.readyWithinMs;
    while (!(spec.ready ? await spec.ready() : entry.sawReadyLine)) {
      const dead = entry.child.exitCode !== null || entry.child.signalCode !== null;
      if (dead || Date.now() > until) {
        const why = dead ? 'ended while starting' : `was not ready within ${spec.readyWithinMs / 1000} s`;
        await this.stop(spec.name);
        throw new SetupError(`${spec.name} ${why} (log: ${this.logFile(spec.name)})\n${lastWords(entry.tail)}`);
      }
      await sleep(POLL_MS);
    }
    return entry.child.pid!;
  }

  private launch(spec: ProcessSpec): Running {
    const child = spawn(spec.command, spec.args, {
      cwd: spec.cwd ?? findRoot(),
      env: spec.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(spec.owner ? { uid: spec.owner.uid, gid: spec.owner.gid } : {}),
    });
    const tail: string[] = [];
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        tail.push(error.message);
        resolve();
      });
    });
    const entry = { spec, child, tail, sawReadyLine: false, exited, expected: false, logged: Promise.resolve() };
    entry.logged = this.log(entry);
    this.running.set(spec.name, entry);
    this.order.push(spec.name);
    if (child.pid) this.tellGuard(`+ ${child.pid} ${spec.stopSignal ?? 'SIGTERM'}`);
    void exited.then(() => this.ended(entry));
    return entry;
  }

  private ended(entry: Running): void {
    const { child, spec, tail, expected } = entry;
    if (child.pid) this.tellGuard(`- ${child.pid}`);
    if (this.running.get(spec.name) === entry) {
      this.running.delete(spec.name);
      this.order.splice(this.order.indexOf(spec.name), 1);
    }
    if (!expected && !this.stopping)
      this.onCrash({ name: spec.name, code: child.exitCode, signal: child.signalCode, tail });
  }

  /** Resolves when its last words are in the file. */
  private log({ spec, child, tail }: Omit<Running, 'logged'>): Promise<void> {
    const file = createWriteStream(this.logFile(spec.name), { flags: 'a' });
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        file.write(chunk);
        tail.push(...chunk.split('\n').filter(Boolean));
        const entry = this.running.get(spec.name);
        if (entry && spec.readyLine && !entry.sawReadyLine)
          entry.sawReadyLine = tail.some((line) => spec.readyLine!.test(line));
        if (tail.length > TAIL_LINES) tail.splice(0, tail.length - TAIL_LINES);
      });
    }
    return new Promise((resolve) => child.once('close', () => file.end(resolve)));
  }

  logFile(name: string): string {
    return path.join(this.logs, `${name}.log`);
  }

  private tellGuard(line: string): void {
    if (!this.guard) {
      const script = path.join(findRoot(), 'scripts/setup/guard.cjs');
      const child = spawn(process.execPath, [script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
      child.unref();
      // The guard may end before us only when the machine ends it; then there is nobody to tell.
      child.stdin.on('error', () => undefined);
      (child.stdin as unknown as { unref?: () => void }).unref?.();
      this.guard = child.stdin;
    }
    this.guard.write(line + '\n');
  }

  pid(name: string): number | null {
    return this.running.get(name)?.child.pid ?? null;
  }

  names(): string[] {
    return [...this.order];
  }

  /** Kills the process group at once (default SIGKILL) and waits until it is gone. */
  async kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const entry = this.running.get(name);
    if (!entry) return;
    entry.expected = true;
    signalGroup(entry.child, signal);
    await entry.exited;
  }

  /** Asks the process to end; kills it after its grace. */
  async stop(name: string): Promise<void> {
    const entry = this.running.get(name);
    if (!entry) return;
    entry.expected = true;
    entry.child.kill(entry.spec.stopSignal ?? 'SIGTERM');
    const alarm = new AbortController();
    const grace = sleep(entry.spec.stopWithinMs ?? 10_000, false, { signal: alarm.signal });
    const graceful = await Promise.race([entry.exited.then(() => true), grace.catch(() => true)]);
    alarm.abort();
    if (!graceful) signalGroup(entry.child, 'SIGKILL');
    await entry.exited;
    // What the process itself left behind in its group goes with it.
    signalGroup(entry.child, 'SIGKILL');
    await Promise.race([entry.logged, sleep(LAST_WORDS_MS, undefined, { ref: false })]);
  }

  /** Stops everything in reverse order; a second call waits for the first. */
  stopAll(): Promise<void> {
    this.stopping ??= (async () => {
      for (const name of [...this.order].reverse()) await this.stop(name);
      this.guard?.end();
      this.guard = null;
      this.stopping = null;
    })();
    return this.stopping;
  }

  /** Kills everything at once, for an impatient second Ctrl-C. */
  killAll(): void {
    for (const entry of this.running.values()) signalGroup(entry.child, 'SIGKILL');
  }
}

/** Log lines can be long; the file has them whole. */
function lastWords(tail: readonly string[]): string {
  return tail
    .map((line) => (line.length > MESSAGE_LINE_CHARS ? `${line.slice(0, MESSAGE_LINE_CHARS)}…` : line))
    .join('\n');
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (!child.pid) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

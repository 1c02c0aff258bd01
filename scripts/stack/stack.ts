import type { Home, Keys, Supervisor } from '../setup';
import { removeStackFile, writeStackFile, type StackUrls } from './stack-file';

/** A running stack: its parts by name (`postgres`, `temporal`, `control-plane`, `worker`, `edge-1`, …, `simulator`). */
export class Stack {
  private readonly startedAt = new Date().toISOString();

  constructor(
    readonly home: Home,
    readonly keys: Keys,
    readonly urls: StackUrls,
    private readonly supervisor: Supervisor,
    private readonly starters: ReadonlyMap<string, () => Promise<unknown>>,
    private readonly ports: ReadonlyMap<string, number>,
  ) {}

  /** Names of all parts in their order of starting, running or not. */
  partNames(): string[] {
    return [...this.starters.keys()];
  }

  /** Starts one part and waits until it is ready. Returns its process id (0: an external service). */
  async start(name: string): Promise<number> {
    const starter = this.starters.get(name);
    if (!starter) throw new Error(`no part ${name}; there are ${this.partNames().join(', ')}`);
    await starter();
    this.record();
    return this.pid(name) ?? 0;
  }

  /** Process id of a running part. */
  pid(name: string): number | null {
    return this.supervisor.pid(name);
  }

  logFile(name: string): string {
    return this.supervisor.logFile(name);
  }

  /** API token of a local user: vera (viewer), adam (ad-ops), mila (ml-lead), alice, bob (release-manager), oscar, root. */
  token(user: string): string {
    const found = this.keys.tokens.find(({ name }) => name === user);
    if (!found) throw new Error(`no local user ${user}`);
    return found.token;
  }

  /** Ends one part at once (kill -9). */
  async killPart(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.supervisor.kill(name, signal);
    this.record();
  }

  /** Ends one part in order. */
  async stopPart(name: string): Promise<void> {
    await this.supervisor.stop(name);
    this.record();
  }

  /** Stops everything in reverse order. */
  async stop(): Promise<void> {
    await this.supervisor.stopAll();
    removeStackFile(this.home);
  }

  killAll(): void {
    this.supervisor.killAll();
  }

  private record(): void {
    const processes = this.supervisor.names().map((name) => {
      return { name, pid: this.pid(name) ?? 0, port: this.ports.get(name) ?? null };
    });
    writeStackFile(this.home, { supervisorPid: process.pid, startedAt: this.startedAt, urls: this.urls, processes });
  }
}

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';

/** Server and generator must not share a core (edge.md, bench rules). */
export const SERVER_CORE = 0;
export const GENERATOR_CORE = 1;

const canPin = cpus().length > 1 && spawnSync('taskset', ['-V']).status === 0;

/** Whether processes can be kept on one core here. */
export const isPinned = (): boolean => canPin;

/** Spawns Node with `args` on one core where the system lets us; null: on any. */
export function spawnOnCore(core: number | null, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const [command, ...rest] =
    canPin && core !== null ? ['taskset', '-c', String(core), process.execPath, ...args] : [process.execPath, ...args];
  return spawn(command!, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** A server that is being measured. */
export interface BenchServer {
  name: string;
  pid: number;
  port: number;
  path: string;
  stop(): Promise<void>;
}

/** Starts a server and waits until its port answers. @param core null: any @throws Error after 30 s */
export async function startServer(
  name: string,
  port: number,
  requestPath: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  core: number | null = SERVER_CORE,
): Promise<BenchServer> {
  const child = spawnOnCore(core, args, env);
  child.stdout?.resume();
  // However this process ends, what it measured must not stay behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    process.removeListener('exit', kill);
  };
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode} while starting`);
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    if (answer?.ok) return { name, pid: child.pid ?? 0, port, path: requestPath, stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stop();
  throw new Error(`${name} was not ready within 30 s`);
}

import { readEnvironment, SetupError, type Crash } from './setup';
import { startStack, stopOnSignals, type Stack } from './stack';
import { StatusLine } from './start/status-line';
import { banner } from './start/banner';

// `npm start`: the whole of Adloop on this machine, in the foreground, until Ctrl-C.

const say = (line: string): void => void process.stderr.write(`adloop: ${line}\n`);

/** A part that dies on its own is started again, but not for ever. */
const RESTARTS_PER_PART = 5;
const RESTART_PAUSE_MS = 1000;

async function main(): Promise<void> {
  const startedAtMs = Date.now();
  const environment = readEnvironment();
  const restarts = new Map<string, number>();
  let stack: Stack | null = null;
  let line: StatusLine | null = null;
  let state: 'starting' | 'running' | 'stopping' = 'starting';
  let exitCode = 0;

  const giveUp = (why: string): void => {
    exitCode = 1;
    line?.interrupt(why);
    process.kill(process.pid, 'SIGTERM');
  };
  const revive = (crash: Crash): void => {
    if (!stack || state !== 'running') return;
    const current = stack;
    const count = (restarts.get(crash.name) ?? 0) + 1;
    restarts.set(crash.name, count);
    if (count > RESTARTS_PER_PART) return giveUp(`${crash.name} keeps ending; its log: ${current.logFile(crash.name)}`);
    line?.interrupt(`${crash.name} ended (${crash.signal ?? `exit code ${crash.code}`}), starting it again`);
    setTimeout(() => {
      if (state === 'running') current.start(crash.name).catch((error: Error) => giveUp(error.message));
    }, RESTART_PAUSE_MS);
  };
  const beforeStop = (): void => {
    state = 'stopping';
    line?.stop();
    say('stopping (a second Ctrl-C kills)');
  };

  try {
    await startStack({
      home: environment.home,
      wellKnownPorts: true,
      external: true,
      say,
      onCrash: revive,
      onAssembled: (assembled) => {
        stack = assembled;
        stopOnSignals(assembled, beforeStop, () => exitCode);
      },
    });
  } catch (error) {
    // A part that we stop while it starts says that it ended: that is no news.
    if (isStopping(state)) return;
    throw error;
  }
  state = 'running';
  const running = stack as unknown as Stack;
  line = new StatusLine(running, process.stdout);
  process.stdout.write(banner(running));
  await line.firstBid(startedAtMs);
  line.run();
}

/** Asked through a function, because the compiler does not see that a signal changes the state while we wait. */
const isStopping = (state: string): boolean => state === 'stopping';

main().catch((error: unknown) => {
  say(error instanceof SetupError ? error.message : String((error as Error).stack ?? error));
  process.exit(1);
});

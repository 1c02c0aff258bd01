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
  let failed = false;
  let line: StatusLine | null = null;

  const revive = (crash: Crash): void => {
    const count = (restarts.get(crash.name) ?? 0) + 1;
    restarts.set(crash.name, count);
    const how = crash.signal ?? `exit code ${crash.code}`;
    line?.interrupt(`${crash.name} ended (${how})${count <= RESTARTS_PER_PART ? ', starting it again' : ''}`);
    if (!stack) return;
    if (count > RESTARTS_PER_PART) return giveUp(`${crash.name} keeps ending; its log: ${stack.logFile(crash.name)}`);
    const current = stack;
    setTimeout(() => void current.start(crash.name).catch((error: Error) => giveUp(error.message)), RESTART_PAUSE_MS);
  };
  const giveUp = (why: string): void => {
    failed = true;
    line?.interrupt(why);
    process.kill(process.pid, 'SIGTERM');
  };

  stack = await startStack({ home: environment.home, wellKnownPorts: true, external: true, say, onCrash: revive });
  line = new StatusLine(stack, process.stdout);
  const shown = line;
  stopOnSignals(
    stack,
    () => {
      shown.stop();
      say('stopping (a second Ctrl-C kills)');
    },
    () => (failed ? 1 : 0),
  );
  process.stdout.write(banner(stack));
  await line.firstBid(startedAtMs);
  line.run();
}

main().catch((error: unknown) => {
  say(error instanceof SetupError ? error.message : String((error as Error).stack ?? error));
  process.exit(1);
});

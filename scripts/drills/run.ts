/** `npm run drill -- canaries|kill-file|kills|outage|worker`: faults on purpose, by hand, with figures for docs/faults.md. Demo regime, not calibrated. */
import { Command } from 'commander';
import { removeHomes, temporaryFolder } from '../setup';
import { Narrator } from '../story/narrator';
import { canariesDrill } from './canaries';
import { BAD_KINDS, type BadKind } from './canaries/planted';
import { canariesTable } from './canaries/report';
import { killFileDrill } from './kill-file';
import { killFileTable } from './kill-file-table';
import { killsDrill } from './kills';
import { outageDrill } from './outage';
import { workerOutageDrill } from './worker-outage';

interface CommonFlags {
  seed: string;
  keep?: boolean;
  /** JSON alone, for the drills that print a table too. */
  json?: boolean;
}

interface OutageFlags extends CommonFlags {
  minutes: string;
  rate: string;
}

interface Report {
  passed: boolean;
  faults: string[];
}

/** Runs one drill in a fresh folder, tells its faults, and prints its table, where it has one, and its report as one JSON line. */
async function drill<R extends Report>(
  what: string,
  flags: CommonFlags,
  run: (folder: string, narrator: Narrator) => Promise<R>,
  table?: (report: R) => string,
): Promise<void> {
  const narrator = new Narrator();
  const folder = temporaryFolder('drill');
  narrator.say(`${what}, seed ${flags.seed}, in ${folder}`);
  const report = await run(folder, narrator);
  for (const fault of report.faults) narrator.say(`FAULT: ${fault}`);
  if (flags.keep || !report.passed) narrator.say(`kept ${folder}`);
  else removeHomes(folder);
  if (table && !flags.json) console.log(`${table(report)}\n`);
  console.log(JSON.stringify(report));
  process.exitCode = report.passed ? 0 : 1;
}

const outage = (flags: OutageFlags): Promise<void> =>
  drill(`outage of ${flags.minutes} minutes at ${flags.rate} requests/s`, flags, (folder, narrator) => {
    const { minutes, rate, seed } = flags;
    const options = { folder, minutes: Number(minutes), requestsPerSecond: Number(rate), seed: Number(seed) };
    return outageDrill(options, narrator);
  });

const kills = (flags: CommonFlags): Promise<void> =>
  drill('kill -9 of worker, Temporal and Postgres during a canary', flags, (folder, narrator) =>
    killsDrill({ folder, seed: Number(flags.seed) }, narrator),
  );

const killFile = (flags: CommonFlags & { rate: string; short?: boolean }): Promise<void> =>
  drill(
    `kill files at ${flags.rate} requests/s an edge, with everything central dead`,
    flags,
    (folder, narrator) => {
      const { rate, seed, short } = flags;
      return killFileDrill({ folder, seed: Number(seed), requestsPerSecond: Number(rate), short }, narrator);
    },
    killFileTable,
  );

const worker = (flags: CommonFlags & { seconds: string }): Promise<void> =>
  drill(`no worker for ${flags.seconds} s, three stages and more`, flags, (folder, narrator) =>
    workerOutageDrill({ folder, seed: Number(flags.seed), seconds: Number(flags.seconds) }, narrator),
  );

interface CanariesFlags extends CommonFlags {
  count: string;
  kinds: string;
  rate: string;
  within: string;
  watch: string;
}

const canaries = (flags: CanariesFlags): Promise<void> => {
  const kinds = flags.kinds
    .split(',')
    .filter((kind): kind is BadKind => (BAD_KINDS as readonly string[]).includes(kind));
  const options = {
    kinds,
    sizes: Math.max(1, Math.round(Number(flags.count) / kinds.length)),
    seed: Number(flags.seed),
    ratePerEdge: Number(flags.rate),
    catchWithinS: Number(flags.within),
    watchS: Number(flags.watch),
  };
  return drill(
    `${kinds.length * options.sizes} bad canaries (${kinds.join(', ')}) and as many healthy ones`,
    flags,
    (folder, narrator) => canariesDrill({ ...options, folder }, narrator),
    canariesTable,
  );
};

const program = new Command('drill').description('drills with faults on purpose');
program
  .command('canaries', { isDefault: true })
  .description('bad canaries that must be caught, healthy ones that must not, on three edges')
  .option('--count <n>', 'bad canaries, spread over the kinds', '20')
  .option('--kinds <list>', `kinds of bad canaries, of ${BAD_KINDS.join(',')}`, BAD_KINDS.join(','))
  .option('--rate <n>', 'requests per second of each edge while canaries serve, at least 130', '150')
  .option('--within <seconds>', 'longest time in which a bad canary must be caught', '420')
  .option('--watch <seconds>', 'how long a healthy canary is watched', '90')
  .option('--seed <n>', 'seed of the market, the sizes and the healthy candidates', '1')
  .option('--json', 'print JSON alone')
  .option('--keep', 'keep the folder')
  .action(canaries);
program
  .command('outage')
  .description('an edge without control plane, Temporal and Postgres, against a twin that has them')
  .option('--minutes <n>', 'length of the outage', '10')
  .option('--rate <n>', 'requests per second of each market, at least 50', '60')
  .option('--seed <n>', 'seed of both markets', '1')
  .option('--keep', 'keep the folder')
  .action(outage);
program
  .command('kills')
  .description('kill -9 of each central part during a canary, against an unkilled run that is fed the same events')
  .option('--seed <n>', 'seed of the market', '1')
  .option('--keep', 'keep the folder')
  .action(kills);
program
  .command('kill-file')
  .description('levels changed by signed files while Temporal, Postgres, worker and control plane are dead')
  .option('--rate <n>', 'requests per second of each of three edges', '50')
  .option('--short', 'a few changes instead of twenty')
  .option('--seed <n>', 'seed of the markets', '1')
  .option('--json', 'print JSON alone')
  .option('--keep', 'keep the folder')
  .action(killFile);
program
  .command('worker')
  .description('the worker is away for longer than three canary stages may last')
  .option('--seconds <n>', 'how long no worker runs', '150')
  .option('--seed <n>', 'seed of the market', '1')
  .option('--keep', 'keep the folder')
  .action(worker);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});

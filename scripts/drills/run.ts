/** `npm run drill -- outage|kills|kill-file`: faults on purpose, by hand, with figures for docs/faults.md. Demo regime, not calibrated. */
import { Command } from 'commander';
import { removeHomes, temporaryFolder } from '../setup';
import { Narrator } from '../story/narrator';
import { killFileDrill } from './kill-file';
import { killFileTable } from './kill-file-table';
import { killsDrill } from './kills';
import { outageDrill } from './outage';

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

const program = new Command('drill').description('drills with faults on purpose');
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

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});

/** `npm run drill -- outage`: faults on purpose, by hand, with figures for docs/faults.md. Demo regime, not calibrated. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Narrator } from '../story/narrator';
import { outageDrill } from './outage';

interface Flags {
  minutes: string;
  rate: string;
  seed: string;
  keep?: boolean;
}

async function outage(flags: Flags): Promise<void> {
  const narrator = new Narrator();
  const folder = mkdtempSync(join(tmpdir(), 'adloop-drill-'));
  chmodSync(folder, 0o755); // Another uid runs Postgres when we are root.
  narrator.say(`outage of ${flags.minutes} minutes at ${flags.rate} requests/s, seed ${flags.seed}, in ${folder}`);
  const report = await outageDrill(
    { folder, minutes: Number(flags.minutes), requestsPerSecond: Number(flags.rate), seed: Number(flags.seed) },
    narrator,
  );
  for (const fault of report.faults) narrator.say(`FAULT: ${fault}`);
  if (flags.keep || !report.passed) narrator.say(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  console.log(JSON.stringify(report));
  process.exitCode = report.passed ? 0 : 1;
}

const program = new Command('drill').description('drills with faults on purpose');
program
  .command('outage')
  .description('an edge without control plane, Temporal and Postgres, against a twin that has them')
  .option('--minutes <n>', 'length of the outage', '10')
  .option('--rate <n>', 'requests per second of each market, at least 50', '60')
  .option('--seed <n>', 'seed of both markets', '1')
  .option('--keep', 'keep the folder')
  .action((flags: Flags) => outage(flags));

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});

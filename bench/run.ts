/** `npm run bench [-- --json]`: measures edge, decision, trainer and market in one run and writes bench/results.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseScenario } from '#domain/market';
import { findRoot } from '../scripts/setup';
import { shippedArm } from '../scripts/simulate/arms';
import { benchControlPlane, type ControlPlaneFlags } from './control-plane/command';
import { CONTROL_PLANE_TITLE } from './control-plane/report';
import { bidBodies } from './load/bodies';
import { measureEdgeLoad } from './load/edge-load';
import { measureLargeEdge } from './load/large-edge';
import { measureThreads } from './load/thread-load';
import { MachineWatch } from './machine';
import { measureCampaigns } from './micro/campaigns';
import { measureDecisions } from './micro/decision';
import { measureLearning } from './micro/learning';
import { measureSimulator } from './micro/simulator';
import { resultsDocument, type BenchReport } from './results-document';
import { keepingSection } from './results-section';
import { benchVerdicts, type VerdictFlags } from './verdicts/command';
import { PLANTS } from './verdicts/plants';

interface Flags {
  json: boolean;
  rounds: number;
  seconds: number;
  seed: number;
  write: boolean;
}

const DECISIONS = 20_000;
const RUNS = 5;
const AUCTIONS = 10_000;
const say = (line: string): void => console.error(line);

const positive = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 is needed');
};

async function bench(flags: Flags): Promise<void> {
  const root = findRoot();
  const scenario = parseScenario(JSON.parse(readFileSync(path.join(root, 'scenarios', 'story.json'), 'utf8')));
  const shipped = shippedArm(root);
  const { snapshot } = shipped;
  const { seed, rounds, seconds } = flags;
  const watch = new MachineWatch(root);
  say(`edge against bare: ${rounds} rounds`);
  const edge = await measureEdgeLoad({ scenario, snapshot, rounds, seconds, seed, say });
  watch.stopListening();
  say('one and two threads');
  const threads = await measureThreads(scenario, { seed, rounds, seconds, cores: cpus().length });
  say('ten thousand campaigns and a million counters in one edge');
  const large = await measureLargeEdge(snapshot, bidBodies(scenario, seed));
  say(`${DECISIONS} decisions`);
  const decision = await measureDecisions(root, snapshot, bidBodies(scenario, seed), DECISIONS);
  say('decisions with 100 to 10,000 campaigns');
  const campaigns = await measureCampaigns(root, snapshot, bidBodies(scenario, seed));
  say(`training, ${RUNS} runs`);
  const learning = await measureLearning(scenario, snapshot, seed, RUNS);
  say(`market, ${RUNS} runs`);
  const simulator = await measureSimulator(scenario, shipped, seed, RUNS, AUCTIONS);
  const measuredAt = new Date().toISOString();
  const report: BenchReport = {
    measuredAt,
    seed,
    machine: watch.report(),
    edge,
    threads,
    large,
    decision,
    campaigns,
    learning,
    simulator,
  };
  const document = resultsDocument(report);
  if (flags.write) {
    const file = path.join(root, 'bench', 'results.md');
    const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
    writeFileSync(file, keepingSection(document, old, CONTROL_PLANE_TITLE));
  }
  console.log(flags.json ? JSON.stringify(report) : document);
}

const program = new Command('bench')
  // Options after a subcommand are the subcommand's own.
  .enablePositionalOptions()
  .option('--json', 'print the report as JSON instead of the tables', false)
  .option('--rounds <n>', 'interleaved rounds of the load test, at least 5 for figures to be kept', positive, 5)
  .option('--seconds <n>', 'length of one load of one round', positive, 5)
  .option('--seed <n>', 'seed of the market that the bodies come from', positive, 7)
  .option('--no-write', 'leave bench/results.md alone')
  .action(bench);

program
  .command('verdicts')
  .description('error rates and power of the verdicts over simulated rollouts; writes docs/verdicts.md')
  .option('--json', 'print the report as JSON instead of the tables', false)
  .option('--runs <n>', 'rollouts per scenario', positive, 2000)
  .option('--seed <n>', 'seed of all rollouts', positive, 7)
  .option('--only <name>', 'scenarios whose name holds this, written nowhere')
  .addOption(new Option('--plant <mistake>', 'a known mistake that must make this fail').choices(PLANTS).default(null))
  .option('--no-write', 'leave docs/verdicts.md alone')
  .action((flags: VerdictFlags) => benchVerdicts(flags));

program
  .command('control-plane')
  .description('rollouts, looks and schedules per second that one worker holds; writes its section of bench/results.md')
  .option('--json', 'print the report as JSON instead of the section', false)
  .option('--rollouts <n>', 'whole rollouts', positive, 1000)
  .option('--lanes <n>', 'rollouts under way at once', positive, 24)
  .option('--serving <n>', 'canaries that serve at once while looks are counted', positive, 100)
  .option('--schedules <n>', 'schedules that fire every second', positive, 40)
  .option('--seconds <n>', 'how long looks and ticks are counted', positive, 30)
  .option('--no-write', 'leave bench/results.md alone')
  .action((flags: ControlPlaneFlags) => benchControlPlane(flags));

program.parseAsync().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

/**
 * `npm run simulate -- scenarios/story.json [--truth] [--seeds 11,12,13] [--auctions N] [--out FILE]`: plays a scenario in process,
 * says on stderr how far it is, and writes a JSON report. `--truth` prints one JSON line with the true effects of the story.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { parseScenario, ScenarioError } from '#domain/market/index';
import { storyArms } from './simulate/arms';
import { answer, answerLine, questionsOf, type Answer } from './simulate/comparisons';

interface SimulateOptions {
  truth: boolean;
  seeds: number[];
  auctions: number;
  trainingAuctions: number;
  muShift: number;
  out?: string;
}

const EXIT_USAGE = 2;
const ROOT = process.env.ADLOOP_ROOT ?? process.cwd();
const say = (line: string): void => console.error(line);

const positive = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0 is needed');
};
const seedList = (text: string): number[] => {
  const seeds = text.split(',').map(Number);
  if (seeds.length > 0 && seeds.every((seed) => Number.isInteger(seed) && seed >= 0)) return seeds;
  throw new InvalidArgumentError('whole numbers, separated by commas, are needed');
};

async function run(file: string, options: SimulateOptions): Promise<void> {
  const scenario = parseScenario(JSON.parse(readFileSync(file, 'utf8')));
  say(`${scenario.name}: ${scenario.label}; seed ${scenario.seed}, comparison seeds ${options.seeds.join(', ')}`);
  const { trainingAuctions, muShift } = options;
  const arms = await storyArms(ROOT, scenario, scenario.seed, { trainingAuctions, muShift, say });
  const answers: Answer[] = [];
  for (const question of questionsOf(scenario)) {
    const answered = await answer(scenario, arms, question, options.seeds, options.auctions);
    answers.push(answered);
    say(`${answerLine(answered)} (${answered.seconds.toFixed(1)} s, ${answered.auctionsPerSecond} auctions/s)`);
  }
  const report = {
    scenario: scenario.name,
    label: scenario.label,
    ...options,
    trainingRows: arms.trainingRows,
    answers,
  };
  const out = options.out ?? join(ROOT, '.adloop', 'simulate', `${scenario.name}.json`);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
  say(`report: ${out}`);
  if (options.truth) console.log(JSON.stringify({ label: scenario.label, effects: answers.map(truthOf) }));
}

const truthOf = ({ name, champion, candidate, regime, effect, low, high, confidence }: Answer): object => ({
  name,
  champion,
  candidate,
  regime,
  effect,
  low,
  high,
  confidence,
});

const program = new Command('simulate')
  .argument('<scenario>', 'scenario file')
  .option('--truth', 'print the true effects as one JSON line on stdout', false)
  .option('--seeds <list>', 'seeds of the comparisons', seedList, [11, 12, 13])
  .option('--auctions <n>', 'auctions per seed and arm', positive, 6000)
  .option('--training-auctions <n>', 'auctions whose log the candidate learns from', positive, 12_000)
  .option('--mu-shift <x>', 'shift of mu under load in the planted candidate', Number, -0.6)
  .option('--out <file>', 'where the JSON report goes')
  .action(run);

program.parseAsync().catch((error: unknown) => {
  const isUsage = error instanceof ScenarioError || (error as NodeJS.ErrnoException).code === 'ENOENT';
  console.error(isUsage ? (error as Error).message : error);
  process.exitCode = isUsage ? EXIT_USAGE : 1;
});

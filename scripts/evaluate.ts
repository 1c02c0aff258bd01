import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { EvaluateFault } from './evaluate/evaluate-fault';
import { evaluateOpenBandit } from './evaluate/evaluation-document';
import { evaluationTable, faultProblem, faultText } from './evaluate/evaluation-text';
import { evaluateOracles } from './evaluate/oracle-document';
import { oracleTable } from './evaluate/oracle-text';

/** Options of `evaluate open-bandit`. */
interface OpenBanditOptions {
  data: string;
  campaign: string;
  from: string;
  to: string;
  seed: number;
  resamples: number;
  level: number;
  rows?: number;
  force: boolean;
  json: boolean;
}

const wholeFrom = (least: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`a whole number >= ${least}`);
  return value;
};

function coverage(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('a number between 0 and 1');
  return value;
}

/** A name is part of a file name: no separators. */
function plainName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(text)) throw new InvalidArgumentError('letters, digits, _ and -');
  return text;
}

/** Where the program writes: whole lines. */
export interface EvaluateOutput {
  out: (text: string) => void;
  error: (text: string) => void;
}

/** Evaluates and prints; returns the exit code. */
function openBandit(options: OpenBanditOptions, output: EvaluateOutput): number {
  const query = { ...options, dir: resolve(options.data), rows: options.rows ?? null };
  return reporting(options, output, () => {
    const document = evaluateOpenBandit(query, options);
    output.out(options.json ? JSON.stringify(document, null, 2) : evaluationTable(document));
    return 0;
  });
}

/** Recomputes an oracle file; 1 when a number differs. */
function oracles(file: string, options: { json: boolean }, output: EvaluateOutput): number {
  return reporting(options, output, () => {
    const document = evaluateOracles(resolve(file));
    output.out(options.json ? JSON.stringify(document, null, 2) : oracleTable(document));
    return document.passed ? 0 : 1;
  });
}

/** Prints an expected failure and returns its exit code. */
function reporting({ json }: { json: boolean }, { out, error }: EvaluateOutput, work: () => number): number {
  try {
    return work();
  } catch (fault) {
    if (!(fault instanceof EvaluateFault)) throw fault;
    error(faultText(fault));
    if (json) out(JSON.stringify(faultProblem(fault), null, 2));
    return fault.exit;
  }
}

function openBanditCommand(): Command {
  return new Command('open-bandit')
    .description('IPS, SNIPS, DM, DR, SNDR on a campaign in the format of the Open Bandit Dataset')
    .requiredOption('--data <dir>', 'folder with {campaign}_{policy}.csv.gz and {policy}_action_dist_{campaign}.csv')
    .requiredOption('--campaign <name>', 'campaign, e.g. women', plainName)
    .requiredOption('--from <policy>', 'policy that logged', plainName)
    .requiredOption('--to <policy>', 'policy to evaluate; random = uniform over the items', plainName)
    .option('--seed <n>', 'seed of the bootstrap', wholeFrom(0), 20261124)
    .option('--resamples <n>', 'bootstrap resamples', wholeFrom(2), 1000)
    .option('--level <p>', 'coverage of the intervals', coverage, 0.95)
    .option('--rows <n>', 'only the first n rows of the log', wholeFrom(1))
    .option('--force', 'print values in spite of missing overlap, marked', false)
    .option('--json', 'one JSON document on stdout', false);
}

function oraclesCommand(): Command {
  return new Command('oracles')
    .description("Recomputes a file of other libraries' numbers with the product's own functions")
    .argument('<file>', 'in the format of oracles/math.json')
    .option('--json', 'one JSON document on stdout', false);
}

/**
 * Runs `evaluate` and returns its exit code: 0 ok, 1 oracle numbers differ, 2 usage or bad data, 3 not found, 6 refused.
 * @param argv as in process.argv
 */
export function evaluate(argv: readonly string[], output: EvaluateOutput): number {
  let exit = 0;
  const command = openBanditCommand().action((options: OpenBanditOptions) => {
    exit = openBandit(options, output);
  });
  const check = oraclesCommand().action((file: string, options: { json: boolean }) => {
    exit = oracles(file, options, output);
  });
  const program = new Command('evaluate')
    .description('Off-policy evaluation of logged decisions, and the product against oracles')
    .addCommand(command)
    .addCommand(check);
  for (const part of [program, command, check]) {
    part.exitOverride().configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.error(text.trimEnd()),
    });
  }
  try {
    program.parse(argv as string[]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed its message; help that was asked for is no fault.
    return error.exitCode === 0 ? 0 : 2;
  }
  return exit;
}

if (require.main === module) process.exitCode = evaluate(process.argv, { out: console.log, error: console.error });

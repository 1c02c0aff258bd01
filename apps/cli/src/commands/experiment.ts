import type { Command } from 'commander';
import type {
  ExperimentEvidence,
  ExperimentPower,
  ExperimentResult,
  ExperimentState,
} from '#domain/contracts/experiment';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { readJsonFile } from './campaign';
import { contextOf, pause, type CommandContext } from './command-context';

interface Experiment {
  experimentId: string;
  state: ExperimentState;
  result: ExperimentResult | null;
  period: number;
  look: number;
  shareBps: number;
  waitingFor: string | null;
  reason: string;
  latestEvidence: ExperimentEvidence | null;
  [field: string]: unknown;
}

interface Started {
  experimentId: string;
  planDigest: string;
  power: ExperimentPower | null;
  [field: string]: unknown;
}

/** Results that answer the question; every other one says why there is no answer. */
const ANSWERS = new Set<ExperimentResult>(['treatment-better', 'control-better', 'no-difference-shown']);

/** `adloop experiment start|list|get|watch|abort|pause|resume`: what ML leads and on-call do. */
export function addExperimentCommands(program: Command): void {
  const experiment = program.command('experiment').description('compare two policies on split traffic and budgets');
  experiment
    .command('start <file>')
    .description('register and start an experiment: a JSON file with subject and plan; it is never edited afterwards')
    .option('--wait', 'wait for its end')
    .option('--timeout <seconds>', 'longest wait', '7776000')
    .action(async (file: string, options: { wait?: boolean; timeout: string }, command: Command) => {
      const context = contextOf(command);
      const started = await context.api('ml-lead').call<Started>('POST', '/experiments', readJsonFile(file));
      if (context.format === 'table') tellStarted(started);
      if (options.wait) await watch(context, started.experimentId, Number(options.timeout));
      else if (context.format !== 'table') printObject(started, context.format);
    });
  experiment
    .command('list')
    .description('list experiments')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const page = await context.api('viewer').call<{ items: Experiment[] }>('GET', '/experiments');
      const columns = ['experimentId', 'state', 'result', 'period', 'look', 'shareBps', 'verdict', 'reason'];
      printRows(page.items, columns, context.format);
    });
  experiment
    .command('get <experimentId>')
    .description('show an experiment with its newest look')
    .action(async (experimentId: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      printObject(await find(context, experimentId), context.format);
    });
  experiment
    .command('watch <experimentId>')
    .description('follow an experiment; exit code 6 when it ends without an answer')
    .option('--timeout <seconds>', 'longest wait', '7776000')
    .action(async (experimentId: string, options: { timeout: string }, command: Command) =>
      watch(contextOf(command), experimentId, Number(options.timeout)),
    );
  addStops(experiment);
}

function addStops(experiment: Command): void {
  const verb = (name: string, role: string, description: string) =>
    experiment
      .command(`${name} <experimentId>`)
      .description(description)
      .requiredOption('--reason <text>', 'why; kept with the decision')
      .action(async (experimentId: string, options: { reason: string }, command: Command) => {
        const context = contextOf(command);
        const path = `/experiments/${encodeURIComponent(experimentId)}/${name}`;
        printObject(await context.api(role).call<Record<string, unknown>>('POST', path, options), context.format);
      });
  verb('abort', 'on-call', 'end it now: both arms go back to the champion');
  verb('pause', 'on-call', 'both arms go back to the champion until it is resumed; the horizon waits');
  verb('resume', 'on-call', 'serve both arms again');
}

const find = (context: CommandContext, experimentId: string) =>
  context.api('viewer').call<Experiment>('GET', `/experiments/${encodeURIComponent(experimentId)}`);

function tellStarted({ experimentId, planDigest, power }: Started): void {
  console.log(`Started ${experimentId}, registered as ${planDigest}.`);
  if (power !== null) console.log(sentenceOf(power));
  console.log(`Follow it: adloop experiment watch ${experimentId}`);
}

function sentenceOf(power: ExperimentPower): string {
  // Over JSON an infinite effect arrives as null.
  const effect = power.minimalDetectableEffect as number | null;
  return effect === null
    ? 'At the traffic of now no effect at all can be found by the horizon.'
    : `At the traffic of now effects from ${(effect * 100).toFixed(1)} % are found at the horizon (95 % power).`;
}

async function watch(context: CommandContext, experimentId: string, timeoutSeconds: number): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last = '';
  for (;;) {
    const experiment = await find(context, experimentId);
    const line = describe(experiment);
    if (context.format === 'table' && line !== last) console.log(line);
    last = line;
    if (experiment.state === 'ended' || experiment.state === 'refused') {
      if (context.format !== 'table') printObject(experiment, context.format);
      if (experiment.result !== null && ANSWERS.has(experiment.result)) return;
      const ended = experiment.result ?? experiment.state;
      throw new CliError(
        'EXPERIMENT_WITHOUT_ANSWER',
        `${experimentId} ended ${ended}: ${experiment.reason}`,
        EXIT.gateFailed,
      );
    }
    if (Date.now() > deadline)
      throw new CliError(
        'WAIT_TIMEOUT',
        `${experimentId} still runs.`,
        EXIT.timeout,
        `adloop experiment watch ${experimentId}`,
      );
    await pause(1000);
  }
}

function describe(experiment: Experiment): string {
  const { state, result, period, look, shareBps, waitingFor, latestEvidence, reason } = experiment;
  const share = `treatment ${(shareBps / 100).toFixed(1)} %`;
  const waiting = waitingFor === null ? '' : ` · waiting for ${waitingFor}`;
  const evidence = latestEvidence === null ? ` · ${reason}` : ` · ${latestEvidence.verdict}: ${latestEvidence.reason}`;
  return `${state}${result === null ? '' : ` (${result})`} · period ${period}, look ${look}, ${share}${waiting}${evidence}`;
}

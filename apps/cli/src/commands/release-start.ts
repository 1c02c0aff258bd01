import { randomUUID } from 'node:crypto';
import { Option, type Command } from 'commander';
import { defaultPlan } from '#domain/contracts/default-plan';
import { CliError, EXIT } from '../exit-code';
import { formatSeconds, printObject } from '../output';
import { patiently } from '../patience';
import { readJsonFile } from './campaign';
import { contextOf, type CommandContext } from './command-context';
import { deadlineOf, tellBy, waitForRollout, waitingPatience, type Progress } from './rollout-wait';

interface StartOptions {
  model: string;
  agent: string;
  plan?: string;
  queue?: boolean;
  wait?: boolean;
  timeout: string;
  json?: boolean;
}

/** What the API answers to a release that it began. */
type Started = {
  rolloutId: string;
  /** Null where the plan waives feasibility, and where an earlier request began the rollout; absent from older control planes. */
  expectedSeconds?: { better: number; worse: number } | null;
};

/** `adloop release start`: begins a rollout; with `--wait` its end is the command's exit code. */
export function addReleaseStart(release: Command): void {
  release
    .command('start')
    .description('start a rollout of a registered model version')
    .requiredOption('--model <id>', 'model version id')
    .option('--agent <agent>', 'agent the model belongs to', 'bid')
    .option('--plan <file>', 'plan (JSON); default: shadow, 1, 5, 25, 50, 100 %')
    .option('--queue', 'wait while another rollout holds cell and agent, instead of being refused')
    .option(
      '--wait',
      'wait for its end: exit code 0 promoted, 6 refused or rolled back, 7 still running at the timeout',
    )
    .option('--timeout <seconds>', 'longest wait', '86400')
    .addOption(new Option('--json', 'progress as JSON lines'))
    .action((options: StartOptions, command: Command) => start(options, () => contextOf(command)));
}

/** `--json` and `-o ndjson` mean a JSON line per change; `-o json` one object at the end; else lines for people. */
export function progressOf(options: { json?: boolean }, context: CommandContext): Progress {
  if (options.json || context.format === 'ndjson') return 'json-lines';
  return context.format === 'json' ? 'quiet' : 'lines';
}

async function start(options: StartOptions, context: () => CommandContext): Promise<void> {
  const plan = options.plan ? readJsonFile(options.plan) : defaultPlan('default');
  const whenBusy = options.queue ? 'queue' : 'refuse';
  const body = { agent: options.agent, modelVersionId: options.model, plan, whenBusy };
  if (!options.wait) {
    const started = await context().api('ml-lead').call<Started>('POST', '/rollouts', body);
    if (context().format !== 'table') return printObject(started, context().format);
    console.log(sentenceOf(started));
    return console.log(`Follow it: adloop release watch ${started.rolloutId}`);
  }
  const deadlineMs = deadlineOf(options.timeout);
  const progress = progressOf(options, context());
  const tell = tellBy(progress);
  // One key for every attempt: a request whose answer was lost is found again, never begun twice.
  const key = randomUUID();
  const ask = () => context().api('ml-lead').call<Started>('POST', '/rollouts', body, key);
  const started = await patiently(ask, waitingPatience(deadlineMs, tell)).catch((error: unknown) => {
    throw error instanceof CliError && error.code === 'invalid-plan' ? error.endingWith(EXIT.gateFailed) : error;
  });
  const { rolloutId, expectedSeconds = null } = started;
  tell({ event: 'started', rolloutId, modelVersionId: options.model, expectedSeconds }, sentenceOf(started));
  await waitForRollout(context, rolloutId, deadlineMs, progress);
}

function sentenceOf({ rolloutId, expectedSeconds }: Started): string {
  if (!expectedSeconds) return `Started ${rolloutId}.`;
  const { better, worse } = expectedSeconds;
  return (
    `Started ${rolloutId}. At the traffic of now its canary stages take ${formatSeconds(better)} on average if it is better, ` +
    `${formatSeconds(worse)} if it is worse; approvals not counted.`
  );
}

import type { Command } from 'commander';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { contextOf, pause, type CommandContext } from './command-context';

interface TrainingRun {
  workflowId: string;
  state: string;
  phase?: string;
  candidate?: string | null;
  error?: { code: string; message: string } | null;
  [field: string]: unknown;
}

const ENDED = new Set(['completed', 'failed', 'cancelled', 'terminated', 'refused']);

/** `adloop train start|watch|list`: retraining workflows. */
export function addTrainCommands(program: Command): void {
  const train = program.command('train').description('retrain agents');
  train
    .command('start')
    .description('start a retraining workflow')
    .option('--agent <agent>', 'budget or bid', 'bid')
    .option('--window <seconds>', 'length of the training window, seconds')
    .option('--release', 'start a rollout of the candidate when its gates pass')
    .option('--wait', 'wait for its end')
    .option('--timeout <seconds>', 'longest wait', '3600')
    .action(
      async (
        options: { agent: string; window?: string; release?: boolean; wait?: boolean; timeout: string },
        command: Command,
      ) => {
        const context = contextOf(command);
        const started = await context.api('ml-lead').call<TrainingRun>('POST', '/training', {
          agent: options.agent,
          ...(options.window && { windowSeconds: Number(options.window) }),
        });
        if (context.format === 'table') console.log(`Started ${started.workflowId}.`);
        if (options.wait) await watch(context, started.workflowId, Number(options.timeout));
        else if (context.format === 'table') console.log(`Follow it: adloop train watch ${started.workflowId}`);
        else printObject(started, context.format);
      },
    );
  train
    .command('watch <workflowId>')
    .description('follow a retraining workflow; exit code 6 when a gate refuses')
    .option('--timeout <seconds>', 'longest wait', '3600')
    .action(async (workflowId: string, options: { timeout: string }, command: Command) =>
      watch(contextOf(command), workflowId, Number(options.timeout)),
    );
  train
    .command('list')
    .description('list retraining workflows')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const page = await context.api('viewer').call<{ items: TrainingRun[] }>('GET', '/training');
      printRows(page.items, ['workflowId', 'agent', 'state', 'phase', 'candidate'], context.format);
    });
}

async function watch(context: CommandContext, workflowId: string, timeoutSeconds: number): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last = '';
  for (;;) {
    const run = await context.api('viewer').call<TrainingRun>('GET', `/training/${encodeURIComponent(workflowId)}`);
    const line = JSON.stringify(run.progress ?? run.phase ?? run.state);
    if (context.format === 'table' && line !== last) console.log(`${run.state}  ${run.phase ?? ''}  ${line}`);
    last = line;
    if (ENDED.has(run.state)) {
      if (context.format !== 'table') printObject(run, context.format);
      if (run.state === 'completed') return;
      const refused = run.state === 'refused' || (run.error?.code ?? '').includes('GATE');
      throw new CliError(
        run.error?.code ?? 'TRAINING_FAILED',
        run.error?.message ?? `Training ended ${run.state}.`,
        refused ? EXIT.gateFailed : EXIT.failed,
        'The champion stays. Read the run in the Temporal UI or with `adloop train list`.',
      );
    }
    if (Date.now() > deadline) {
      throw new CliError('WAIT_TIMEOUT', `${workflowId} still runs.`, EXIT.timeout, `adloop train watch ${workflowId}`);
    }
    await pause(1000);
  }
}

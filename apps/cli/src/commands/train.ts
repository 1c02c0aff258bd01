import type { Command } from 'commander';
import { defaultPlan } from '#domain/contracts/default-plan';
import type { GateResult } from '#domain/contracts/model-manifest';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { contextOf, pause, type CommandContext } from './command-context';

/** A run as the API tells it (GET /training/{workflowId}). */
interface TrainingRun {
  workflowId: string;
  step: string;
  code: string | null;
  candidateId: string | null;
  view: { rows: number | null; passed: boolean | null; reason: string; gates: GateResult[] };
  [field: string]: unknown;
}

const ENDED = new Set(['finished', 'failed', 'cancelled']);

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
        const started = await context.api('ml-lead').call<{ workflowId: string }>('POST', '/training', {
          agent: options.agent,
          ...(options.window && { windowSeconds: Number(options.window) }),
          ...(options.release && { plan: defaultPlan('default') }),
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
      const rows = page.items.map((run) => ({ ...run, passed: run.view.passed, reason: run.view.reason }));
      if (context.format !== 'table') return printRows(page.items, [], context.format);
      printRows(rows, ['workflowId', 'agent', 'step', 'code', 'passed', 'candidateId', 'reason'], context.format);
    });
}

async function watch(context: CommandContext, workflowId: string, timeoutSeconds: number): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  const told = { step: '', gates: 0 };
  for (;;) {
    const run = await context.api('viewer').call<TrainingRun>('GET', `/training/${encodeURIComponent(workflowId)}`);
    if (context.format === 'table') tell(run, told);
    if (ENDED.has(run.step)) return ended(context, run);
    if (Date.now() > deadline) {
      throw new CliError('WAIT_TIMEOUT', `${workflowId} still runs.`, EXIT.timeout, `adloop train watch ${workflowId}`);
    }
    await pause(500);
  }
}

/** One line per step and per gate, each once. */
function tell(run: TrainingRun, told: { step: string; gates: number }): void {
  if (run.step !== told.step) console.log(`${run.step}${run.view.rows === null ? '' : ` (${run.view.rows} rows)`}`);
  for (const { gate, passed, reason } of run.view.gates.slice(told.gates))
    console.log(`  ${passed ? 'passed ' : 'REFUSED'}  ${gate}: ${reason}`);
  told.step = run.step;
  told.gates = run.view.gates.length;
}

/** Exit code 0 for a candidate that passed, 6 for one that a gate refused, 1 for a run without a candidate. */
function ended(context: CommandContext, run: TrainingRun): void {
  const { passed, reason } = run.view;
  if (context.format !== 'table') printObject(run, context.format);
  const champion = 'The champion stays. Read the run in the Temporal UI or with `adloop train list`.';
  if (run.step !== 'finished') throw new CliError(run.code ?? 'TRAINING_FAILED', reason, EXIT.failed, champion);
  if (passed !== true) throw new CliError('GATE_REFUSED', reason, EXIT.gateFailed, champion);
  if (context.format === 'table') console.log(`Candidate ${run.candidateId ?? ''}: ${reason}.`);
}

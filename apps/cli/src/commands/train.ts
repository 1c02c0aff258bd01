import type { Command } from 'commander';
import { defaultPlan } from '#domain/contracts/default-plan';
import type { GateResult } from '#domain/contracts/model-manifest';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { patiently } from '../patience';
import { contextOf, pause, type CommandContext } from './command-context';
import { tellBy, waitingPatience } from './rollout-wait';

/** A run as the API tells it (GET /training/{workflowId}). */
interface TrainingRun {
  workflowId: string;
  step: string;
  code: string | null;
  candidateId: string | null;
  view: {
    rows: number | null;
    passed: boolean | null;
    reason: string;
    gates: GateResult[];
    /** Of a run of several agents. */
    parts?: { agent: string; step: string; gates: GateResult[] }[];
  };
  progress: Record<string, Progress>;
  [field: string]: unknown;
}

interface Progress {
  activity: string;
  fraction: number;
  epoch: number | null;
  epochs: number | null;
  rowsPerSecond: number | null;
  etaSeconds: number | null;
  attempt: number;
}

interface Incident {
  incidentId: string;
  [field: string]: unknown;
}

const ENDED = new Set(['finished', 'failed', 'cancelled']);

/** `adloop train start|watch|list|schedule|incident`: retraining workflows, when they start, and what must not teach them. */
export function addTrainCommands(program: Command): void {
  const train = program.command('train').description('retrain agents');
  train
    .command('start')
    .description('start a retraining workflow')
    .option('--agent <agent>', 'budget, bid, or budget,bid for both in one run', 'bid')
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
        const agents = options.agent.split(',').map((agent) => agent.trim());
        const started = await context.api('ml-lead').call<{ workflowId: string }>('POST', '/training', {
          agent: agents[0],
          ...(agents.length > 1 && { agents }),
          ...(options.window && { windowSeconds: Number(options.window) }),
          ...(options.release && { plan: defaultPlan('default') }),
        });
        if (context.format === 'table') console.log(`Started ${started.workflowId}.`);
        if (options.wait) await watchTraining(context, started.workflowId, Number(options.timeout));
        else if (context.format === 'table') console.log(`Follow it: adloop train watch ${started.workflowId}`);
        else printObject(started, context.format);
      },
    );
  train
    .command('watch <workflowId>')
    .description('follow a retraining workflow; exit code 6 when a gate refuses')
    .option('--timeout <seconds>', 'longest wait', '3600')
    .action(async (workflowId: string, options: { timeout: string }, command: Command) =>
      watchTraining(contextOf(command), workflowId, Number(options.timeout)),
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
  addScheduleCommands(train);
  addIncidentCommands(train);
}

/** `adloop train schedule list|pause|resume`. */
function addScheduleCommands(train: Command): void {
  const columns = ['name', 'paused', 'note', 'windowSeconds', 'nextAt', 'lastAt', 'missed', 'skipped'];
  const schedule = train.command('schedule').description('retraining by the clock');
  schedule
    .command('list')
    .description('daily and weekly retraining')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const page = await context.api('viewer').call<{ items: Record<string, unknown>[] }>('GET', '/schedules');
      printRows(page.items, columns, context.format);
    });
  for (const verb of ['pause', 'resume'] as const) {
    schedule
      .command(`${verb} <name>`)
      .description(`${verb} retrain-daily or retrain-weekly`)
      .requiredOption('--reason <text>', 'why')
      .action(async (name: string, options: { reason: string }, command: Command) => {
        const context = contextOf(command);
        const path = `/schedules/${encodeURIComponent(name)}/${verb}`;
        printObject(await context.api('ml-lead').call('POST', path, { reason: options.reason }), context.format);
      });
  }
}

/** `adloop train incident list|open|close`: times whose decisions must not train. */
function addIncidentCommands(train: Command): void {
  const columns = ['incidentId', 'from', 'to', 'rolloutId', 'openedBy', 'reason'];
  const incident = train.command('incident').description('times whose decisions must not train');
  incident
    .command('list')
    .description('list incidents, newest first')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const page = await context.api('viewer').call<{ items: Incident[] }>('GET', '/incidents');
      printRows(page.items, columns, context.format);
    });
  incident
    .command('open')
    .description('decisions from --from (default now) to --to (default: until closed) do not train')
    .requiredOption('--reason <text>', 'what happened')
    .option('--from <time>', 'ISO 8601, UTC')
    .option('--to <time>', 'ISO 8601, UTC')
    .action(async (options: { reason: string; from?: string; to?: string }, command: Command) => {
      const context = contextOf(command);
      printObject(await context.api('ml-lead').call<Incident>('POST', '/incidents', options), context.format);
    });
  incident
    .command('close <incidentId>')
    .description('end an incident, now or at --to')
    .option('--to <time>', 'ISO 8601, UTC')
    .action(async (incidentId: string, options: { to?: string }, command: Command) => {
      const context = contextOf(command);
      const path = `/incidents/${encodeURIComponent(incidentId)}/close`;
      printObject(await context.api('ml-lead').call<Incident>('POST', path, options), context.format);
    });
}

/** Follows a training run to its end. @throws CliError with exit code 6 when a gate refused, 1 when it failed, 7 at the timeout */
export async function watchTraining(
  context: CommandContext,
  workflowId: string,
  timeoutSeconds: number,
): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  const told: Told = { step: '', gates: 0, progress: '' };
  const patience = waitingPatience(deadline, tellBy(context.format === 'table' ? 'lines' : 'quiet'));
  for (;;) {
    const path = `/training/${encodeURIComponent(workflowId)}`;
    const run = await patiently(() => context.api('viewer').call<TrainingRun>('GET', path), patience);
    if (context.format === 'table') tell(run, told);
    if (ENDED.has(run.step)) return ended(context, run);
    if (Date.now() > deadline) {
      throw new CliError('WAIT_TIMEOUT', `${workflowId} still runs.`, EXIT.timeout, `adloop train watch ${workflowId}`);
    }
    await pause(500);
  }
}

interface Told {
  step: string;
  gates: number;
  progress: string;
}

/** One line per step, per gate and per twentieth of a step, each once. */
function tell(run: TrainingRun, told: Told): void {
  const parts = run.view.parts ?? [];
  const step = [run.step, ...parts.map((part) => `${part.agent} ${part.step}`)].join(', ');
  if (step !== told.step) console.log(`${step}${run.view.rows === null ? '' : ` (${run.view.rows} rows)`}`);
  const gates = [...run.view.gates, ...parts.flatMap((part) => part.gates)];
  for (const { gate, passed, reason } of gates.slice(told.gates))
    console.log(`  ${passed ? 'passed ' : 'REFUSED'}  ${gate}: ${reason}`);
  const progress = ENDED.has(run.step)
    ? []
    : Object.entries(run.progress).map(([agent, at]) => `${agent} ${progressLine(at)}`);
  const line = progress.join('; ');
  if (line !== '' && line !== told.progress) console.log(`  ${line}`);
  Object.assign(told, { step, gates: gates.length, progress: line });
}

/** `trainBidModel 40 %, epoch 12/30, 85000 rows/s, 9 s left`. */
function progressLine({ activity, fraction, epoch, epochs, rowsPerSecond, etaSeconds, attempt }: Progress): string {
  return [
    `${activity} ${Math.floor(fraction * 100)} %`,
    ...(epoch === null ? [] : [`epoch ${epoch}/${epochs ?? '?'}`]),
    ...(rowsPerSecond === null ? [] : [`${rowsPerSecond} rows/s`]),
    ...(etaSeconds === null ? [] : [`${etaSeconds} s left`]),
    ...(attempt === 1 ? [] : [`attempt ${attempt}`]),
  ].join(', ');
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

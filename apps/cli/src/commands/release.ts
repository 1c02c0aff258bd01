import type { Command } from 'commander';
import type { Evidence, RolloutState } from '#domain/contracts/rollout';
import { defaultPlan } from '#domain/contracts/default-plan';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { readJsonFile } from './campaign';
import { contextOf, pause, type CommandContext } from './command-context';

interface Rollout {
  rolloutId: string;
  state: RolloutState;
  stage: number;
  shareBps: number;
  waitingFor?: string | null;
  reason?: string | null;
  evidenceDigest?: string | null;
  latestEvidence?: Evidence | null;
  [field: string]: unknown;
}

const ENDED = new Set<RolloutState>(['promoted', 'rolled-back', 'aborted', 'rejected', 'refused', 'superseded']);

/** `adloop release start|watch|approve|promote|reject|abort|rollback|list|edges`: what release managers and on-call do. */
export function addReleaseCommands(program: Command): void {
  const release = program.command('release').description('roll out a candidate policy');
  addStart(release);
  release
    .command('watch <rolloutId>')
    .description('follow a rollout; exit code 6 when a gate or the canary refuses it')
    .option('--timeout <seconds>', 'longest wait', '86400')
    .action(async (rolloutId: string, options: { timeout: string }, command: Command) =>
      watch(contextOf(command), rolloutId, Number(options.timeout)),
    );
  release
    .command('list')
    .description('list rollouts')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const page = await context.api('viewer').call<{ items: Rollout[] }>('GET', '/rollouts');
      printRows(
        page.items,
        ['rolloutId', 'agent', 'candidateId', 'state', 'stage', 'shareBps', 'verdict', 'reason'],
        context.format,
      );
    });
  addDecisionVerbs(release);
  release
    .command('edges <rolloutId>')
    .description('who serves the newest version of a rollout, edge by edge')
    .action(async (rolloutId: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      const path = `/rollouts/${encodeURIComponent(rolloutId)}/edges`;
      const delivery = await context.api('viewer').call<{ edges: Record<string, unknown>[] }>('GET', path);
      if (context.format !== 'table') printObject(delivery, context.format);
      else printRows(delivery.edges, ['edgeId', 'serves', 'live', 'snapshotVersion', 'refused'], context.format);
    });
  release
    .command('rollback')
    .description('go back to the last known good policy of an agent, without gates')
    .option('--agent <agent>', 'agent', 'bid')
    .requiredOption('--reason <text>', 'why')
    .action(async (options: { agent: string; reason: string }, command: Command) => {
      const context = contextOf(command);
      const result = await context.api('on-call').call<Record<string, unknown>>('POST', '/rollbacks', options);
      printObject(result, context.format);
    });
}

function addStart(release: Command): void {
  release
    .command('start')
    .description('start a rollout of a registered model version')
    .requiredOption('--model <id>', 'model version id')
    .option('--agent <agent>', 'agent the model belongs to', 'bid')
    .option('--plan <file>', 'plan (JSON); default: shadow, 1, 5, 25, 50, 100 %')
    .option('--queue', 'wait while another rollout holds cell and agent, instead of being refused')
    .option('--wait', 'wait for its end')
    .option('--timeout <seconds>', 'longest wait', '86400')
    .action(
      async (
        options: { model: string; agent: string; plan?: string; queue?: boolean; wait?: boolean; timeout: string },
        command: Command,
      ) => {
        const context = contextOf(command);
        const plan = options.plan ? readJsonFile(options.plan) : defaultPlan('default');
        const whenBusy = options.queue ? 'queue' : 'refuse';
        const body = { agent: options.agent, modelVersionId: options.model, plan, whenBusy };
        const started = await context.api('ml-lead').call<{ rolloutId: string }>('POST', '/rollouts', body);
        if (context.format === 'table') console.log(`Started ${started.rolloutId}.`);
        if (options.wait) await watch(context, started.rolloutId, Number(options.timeout));
        else if (context.format === 'table') console.log(`Follow it: adloop release watch ${started.rolloutId}`);
        else printObject(started, context.format);
      },
    );
}

/** approve, reject, pause, resume, abort: one durable message to the rollout each. */
function addDecisionVerbs(release: Command): void {
  const verb = (name: string, route: string, role: string, description: string) =>
    release
      .command(`${name} <rolloutId>`)
      .description(description)
      .requiredOption('--reason <text>', 'why; kept with the decision')
      .action(async (rolloutId: string, options: { reason: string }, command: Command) => {
        const context = contextOf(command);
        const path = `/rollouts/${encodeURIComponent(rolloutId)}`;
        const api = context.api(role);
        // Bound to the evidence that waits, which stays while its verdict does; later looks of the same verdict do not void it.
        const evidenceDigest = route === 'approvals' ? (await api.call<Rollout>('GET', path)).evidenceDigest : null;
        const body = { reason: options.reason, ...(evidenceDigest != null && { evidenceDigest }) };
        printObject(await api.call<Record<string, unknown>>('POST', `${path}/${route}`, body), context.format);
      });
  verb('approve', 'approvals', 'release-manager', 'approve the stage that waits, on the evidence shown now');
  verb('promote', 'promote', 'release-manager', 'skip the remaining stages of a proven candidate (four eyes)');
  verb('reject', 'reject', 'release-manager', 'refuse the stage that waits');
  verb('pause', 'pause', 'release-manager', 'keep the share where it is');
  verb('resume', 'resume', 'release-manager', 'go on after a pause');
  verb('abort', 'abort', 'on-call', 'end the rollout now and serve the champion alone');
}

async function watch(context: CommandContext, rolloutId: string, timeoutSeconds: number): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last = '';
  for (;;) {
    const rollout = await context.api('viewer').call<Rollout>('GET', `/rollouts/${encodeURIComponent(rolloutId)}`);
    const line = describeRollout(rollout);
    if (context.format === 'table' && line !== last) console.log(line);
    last = line;
    if (ENDED.has(rollout.state)) {
      if (context.format !== 'table') printObject(rollout, context.format);
      if (rollout.state === 'promoted') return;
      throw new CliError(
        'ROLLOUT_NOT_PROMOTED',
        `${rolloutId} ended ${rollout.state}: ${rollout.reason ?? rollout.latestEvidence?.reason ?? 'no reason given'}`,
        EXIT.gateFailed,
      );
    }
    if (Date.now() > deadline) {
      throw new CliError('WAIT_TIMEOUT', `${rolloutId} still runs.`, EXIT.timeout, `adloop release watch ${rolloutId}`);
    }
    await pause(1000);
  }
}

function describeRollout(rollout: Rollout): string {
  const share = `${(rollout.shareBps / 100).toFixed(1)} %`;
  const evidence = rollout.latestEvidence
    ? ` · ${rollout.latestEvidence.verdict}: ${rollout.latestEvidence.reason}`
    : '';
  const waiting = rollout.waitingFor ? ` · waiting for ${rollout.waitingFor}` : '';
  return `${rollout.state} · stage ${rollout.stage} at ${share}${waiting}${evidence}`;
}

import { Option, type Command } from 'commander';
import { printObject, printRows } from '../output';
import { contextOf } from './command-context';
import { addReleaseStart, progressOf } from './release-start';
import { deadlineOf, waitForRollout, type Rollout } from './rollout-wait';

/** `adloop release start|watch|approve|promote|reject|abort|rollback|list|edges`: what release managers and on-call do. */
export function addReleaseCommands(program: Command): void {
  const release = program.command('release').description('roll out a candidate policy');
  addReleaseStart(release);
  release
    .command('watch <rolloutId>')
    .description('follow a rollout; exit code 6 when a gate or the canary refuses it')
    .option('--timeout <seconds>', 'longest wait', '86400')
    .addOption(new Option('--json', 'progress as JSON lines'))
    .action((rolloutId: string, options: { timeout: string; json?: boolean }, command: Command) => {
      const context = () => contextOf(command);
      return waitForRollout(context, rolloutId, deadlineOf(options.timeout), progressOf(options, context()));
    });
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

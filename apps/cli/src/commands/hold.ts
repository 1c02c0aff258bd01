import type { Command } from 'commander';
import { printObject, printRows } from '../output';
import { contextOf, type CommandContext } from './command-context';

interface Holds {
  held: string | null;
  line: { stoppedBy: string | null; reason: string };
  freezes: Record<string, unknown>[];
}

/** `adloop line stop|resume|status` and `adloop freeze add|lift|list`: what blocks increases; decreases are never blocked. */
export function addHoldCommands(program: Command): void {
  const line = program.command('line').description('stop the line: no rollout of the fleet gains traffic');
  line
    .command('status')
    .description('what holds releases now')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      show(context, await context.api('viewer').call<Holds>('GET', '/release-holds'));
    });
  const verb = (name: 'stop' | 'resume', role: string, description: string) =>
    line
      .command(name)
      .description(description)
      .requiredOption('--reason <text>', 'why; kept in the ledger')
      .action(async (options: { reason: string }, command: Command) => {
        const context = contextOf(command);
        show(context, await context.api(role).call<Holds>('POST', `/release-holds/${name}`, options));
      });
  verb('stop', 'on-call', 'stop the line; one person is enough');
  verb('resume', 'release-manager', 'let releases go on; somebody else than who stopped it');
  addFreezeCommands(program);
}

function addFreezeCommands(program: Command): void {
  const freeze = program.command('freeze').description('freeze calendar: times in which no rollout gains traffic');
  freeze
    .command('list')
    .description('freezes that stand now or later')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const { freezes } = await context.api('viewer').call<Holds>('GET', '/release-holds');
      printRows(freezes, ['freezeId', 'name', 'from', 'until', 'timeZone', 'declaredBy', 'reason'], context.format);
    });
  freeze
    .command('add <name>')
    .description('declare a freeze')
    .requiredOption('--from <time>', 'first moment, ISO 8601')
    .requiredOption('--until <time>', 'end, ISO 8601')
    .option('--zone <zone>', 'time zone of the hours of week', 'UTC')
    .option('--hours <list>', 'hours of the week only, 0 = Monday 00:00, comma separated')
    .requiredOption('--reason <text>', 'why; kept in the ledger')
    .action(
      async (
        name: string,
        options: { from: string; until: string; zone: string; hours?: string; reason: string },
        command: Command,
      ) => {
        const context = contextOf(command);
        const { from, until, zone: timeZone, reason } = options;
        const hoursOfWeek = options.hours?.split(',').map(Number) ?? [];
        const body = { name, from, until, timeZone, hoursOfWeek, reason };
        const declared = await context
          .api('release-manager')
          .call<Record<string, unknown>>('POST', '/release-holds/freezes', body);
        printObject(declared, context.format);
      },
    );
  freeze
    .command('lift <freezeId>')
    .description('take a freeze off the calendar')
    .requiredOption('--reason <text>', 'why; kept in the ledger')
    .action(async (freezeId: string, options: { reason: string }, command: Command) => {
      const context = contextOf(command);
      const path = `/release-holds/freezes/${encodeURIComponent(freezeId)}/lift`;
      show(context, await context.api('release-manager').call<Holds>('POST', path, options));
    });
}

function show(context: CommandContext, holds: Holds): void {
  if (context.format === 'table') console.log(holds.held ?? 'Nothing holds releases.');
  else printObject({ ...holds }, context.format);
}

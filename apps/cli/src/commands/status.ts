import type { Command } from 'commander';
import { printObject } from '../output';
import { contextOf, pause, type CommandContext } from './command-context';

type Status = Record<string, unknown>;

/** `adloop status [--watch]`: is the loop turning? */
export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('state of the loop: traffic, champion, training, rollout, edges')
    .option('-w, --watch', 'repeat until Ctrl-C')
    .option('--every <seconds>', 'interval of --watch', '2')
    .action(async (options: { watch?: boolean; every: string }, command: Command) => {
      const context = contextOf(command);
      await printStatus(context);
      while (options.watch) {
        await pause(Math.max(1, Number(options.every)) * 1000);
        if (context.format === 'table' && process.stdout.isTTY) console.clear();
        await printStatus(context);
      }
    });
}

async function printStatus(context: CommandContext): Promise<void> {
  const status = await context.api('viewer').call<Status>('GET', '/status');
  printObject(status, context.format);
}

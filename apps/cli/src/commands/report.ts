import { writeFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { CliError, EXIT } from '../exit-code';
import { contextOf } from './command-context';

/** `adloop report <rolloutId>`: everything that is kept of one rollout, as a page or as JSON. */
export function addReportCommand(program: Command): void {
  program
    .command('report <rolloutId>')
    .description('report of one rollout: a self-contained HTML page with plots, or JSON with a versioned schema')
    .addOption(new Option('--format <format>', 'form of the report').choices(['html', 'json']).default('html'))
    .option('--out <file>', 'write it here instead of to standard output')
    .action(async (rolloutId: string, options: { format: string; out?: string }, command: Command) => {
      const path = `/rollouts/${encodeURIComponent(rolloutId)}/report?format=${options.format}`;
      const text = await contextOf(command).api('viewer').text(path);
      if (options.out === undefined) return console.log(text);
      try {
        writeFileSync(options.out, text);
      } catch (cause) {
        const why = (cause as Error).message;
        throw new CliError('FILE_NOT_WRITABLE', `Cannot write ${options.out}: ${why}.`, EXIT.usage);
      }
      console.log(`Wrote ${options.out}.`);
    });
}

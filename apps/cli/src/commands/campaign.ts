import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Campaign } from '#domain/contracts/campaign';
import { formatMicros, printObject, printRows } from '../output';
import { CliError, EXIT } from '../exit-code';
import { contextOf } from './command-context';

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** `adloop campaign create|list|show`: what ad ops does first. */
export function addCampaignCommands(program: Command): void {
  const campaign = program.command('campaign').description('create and inspect campaigns');
  campaign
    .command('create')
    .description('create a campaign from a JSON file (contract Campaign)')
    .requiredOption('-f, --file <file>', 'JSON file, or - for standard input')
    .action(async (options: { file: string }, command: Command) => {
      const context = contextOf(command);
      const created = await context.api('ad-ops').call<Campaign>('POST', '/campaigns', readJsonFile(options.file));
      if (context.format === 'table') console.log(`Created ${created.campaignId} "${created.name}".`);
      else printObject(created, context.format);
    });
  campaign
    .command('list')
    .description('list campaigns')
    .option('--limit <n>', 'rows of a page, at most 200', '100')
    .option('--cursor <cursor>', 'continue after a page')
    .action(async (options: { limit: string; cursor?: string }, command: Command) => {
      const context = contextOf(command);
      const query = new URLSearchParams({ limit: options.limit, ...(options.cursor && { cursor: options.cursor }) });
      const page = await context.api('viewer').call<Page<Campaign>>('GET', `/campaigns?${query.toString()}`);
      const rows = page.items.map((c) => ({
        id: c.campaignId,
        name: c.name,
        status: c.status,
        daily: formatMicros(c.dailyBudgetMicros, c.currency),
        total: formatMicros(c.totalBudgetMicros, c.currency),
        bidCap: formatMicros(c.bidCapMicros, c.currency),
      }));
      if (context.format === 'table') printRows(rows, ['id', 'name', 'status', 'daily', 'total', 'bidCap'], 'table');
      else printRows(page.items, [], context.format);
      if (page.nextCursor && context.format === 'table') console.log(`More: --cursor ${page.nextCursor}`);
    });
  campaign
    .command('show <id>')
    .description('show one campaign')
    .action(async (id: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      printObject(
        await context.api('viewer').call<Campaign>('GET', `/campaigns/${encodeURIComponent(id)}`),
        context.format,
      );
    });
}

/** Reads JSON from a file or from standard input (`-`). Throws CliError that names the fault. */
export function readJsonFile(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    throw new CliError('FILE_NOT_READABLE', `Cannot read ${path}: ${(cause as Error).message}.`, EXIT.usage);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CliError('FILE_NOT_JSON', `${path} is not JSON: ${(cause as Error).message}.`, EXIT.usage);
  }
}

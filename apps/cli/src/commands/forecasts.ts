import { Option, type Command } from 'commander';
import { printObject, printRows } from '../output';
import { contextOf } from './command-context';

interface Range {
  effect: number;
  lower: number;
  upper: number;
}

interface Forecasts {
  groups: {
    family: string;
    agent: string;
    source: string;
    metric: string;
    unscored: number;
    quality: {
      n: number;
      bias: number;
      biasStandardError: number | null;
      rmse: number;
      covered: number;
      coverage: Range;
      overlapping: number;
      wording: string;
    } | null;
  }[];
  items: { rolloutId: string; source: string; metric: string; outcome: string; forecast: Range; found: Range | null }[];
}

const percent = (value: number): string => `${value >= 0 ? '+' : ''}${(value * 100).toFixed(1)} %`;
const range = ({ effect, lower, upper }: Range): string => `${percent(effect)} [${percent(lower)}, ${percent(upper)}]`;

/** `adloop forecasts`: what the offline gates foresaw against what canaries found. */
export function addForecastsCommand(program: Command): void {
  program
    .command('forecasts')
    .description('forecasts of the offline gates against what canaries found: bias, error, coverage')
    .option('--limit <n>', 'newest scores listed', '20')
    .addOption(new Option('--json', 'the same as -o json'))
    .action(async (options: { limit: string }, command: Command) => {
      const context = contextOf(command);
      const query = new URLSearchParams({ limit: options.limit });
      const found = await context.api('viewer').call<Forecasts>('GET', `/forecasts?${query.toString()}`);
      if (context.format === 'table') printTables(found);
      else printObject({ ...found }, context.format);
    });
}

function printTables({ groups, items }: Forecasts): void {
  if (groups.length === 0) return console.log('No rollout with a forecast has ended yet.');
  const rows = groups.map(({ quality, ...group }) => ({
    ...group,
    n: quality?.n ?? 0,
    bias:
      quality &&
      `${percent(quality.bias)}${quality.biasStandardError === null ? '' : ` ± ${(quality.biasStandardError * 100).toFixed(1)}`}`,
    rmse: quality && `${(quality.rmse * 100).toFixed(1)} %`,
    covered: quality && `${quality.covered} of ${quality.n}`,
    overlapping: quality && `${quality.overlapping} of ${quality.n}`,
    'may be said': quality?.wording ?? 'nothing yet: no canary has measured it',
  }));
  const columns = [
    'family',
    'agent',
    'source',
    'metric',
    'n',
    'unscored',
    'bias',
    'rmse',
    'covered',
    'overlapping',
    'may be said',
  ];
  printRows(rows, columns, 'table');
  console.log('');
  printRows(
    items.map(({ rolloutId, source, metric, outcome, forecast, found }) => ({
      rollout: rolloutId,
      source,
      metric,
      forecast: range(forecast),
      'canary found': found ? range(found) : outcome,
    })),
    ['rollout', 'source', 'metric', 'forecast', 'canary found'],
    'table',
  );
}

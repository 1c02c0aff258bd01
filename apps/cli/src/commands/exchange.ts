import { type Command, Option } from 'commander';
import {
  BILLABLE_EVENTS,
  type Exchange,
  type ExchangeInput,
  PRICE_ENCODINGS,
  SEAT_NON_BIDS,
} from '#domain/contracts/exchange';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { readJsonFile } from './campaign';
import { contextOf, type CommandContext } from './command-context';

/** Settings as commander hands them over: absent = as it is. */
type Changes = Partial<ExchangeInput> & { file?: string };

const url = (exchange: string): string => `/exchanges/${encodeURIComponent(exchange)}`;

/** `adloop exchange list|show|set`: how edges talk to each exchange. */
export function addExchangeCommands(program: Command): void {
  const exchange = program.command('exchange').description('settings of the exchanges that edges bid on');
  exchange
    .command('list')
    .description('all exchanges')
    .action(async (_options: unknown, command: Command) => {
      const context = contextOf(command);
      const { items } = await context.api('viewer').call<{ items: Exchange[] }>('GET', '/exchanges');
      const columns = ['exchange', 'version', 'seat', 'auctionType', 'currency', 'networkAllowanceMs', 'priceEncoding'];
      printRows(items, [...columns, 'billableEvent', 'gvlVendorId', 'seatNonBid'], context.format);
    });
  exchange
    .command('show <exchange>')
    .description('one exchange')
    .action(async (name: string, _options: unknown, command: Command) => {
      const context = contextOf(command);
      printObject(await context.api('viewer').call<Exchange>('GET', url(name)), context.format);
    });
  addSetCommand(exchange);
}

const whole = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CliError('NOT_A_NUMBER', `"${text}" is no whole number.`, EXIT.usage);
};

const yes = (text: string): boolean => text === 'yes';

function addSetCommand(exchange: Command): void {
  const yesNo = (flags: string, description: string) =>
    new Option(flags, description).choices(['yes', 'no']).argParser(yes);
  exchange
    .command('set <exchange>')
    .description('change settings, or add an exchange; what is not named stays')
    .option('-f, --file <file>', 'all settings as JSON, or - for standard input')
    .option('--seat <seat>', 'our seat at the exchange')
    .addOption(
      new Option('--auction-type <n>', '1 first price, 2 second price, unless a request says').argParser(whole),
    )
    .option('--currency <code>', 'currency of bids, ISO 4217')
    .addOption(new Option('--network-allowance-ms <ms>', "part of tmax that is the network's").argParser(whole))
    .addOption(new Option('--default-tmax-ms <ms>', 'tmax of requests without one').argParser(whole))
    .addOption(new Option('--price-encoding <how>', 'how prices in notices are written').choices(PRICE_ENCODINGS))
    .option('--price-key-id <id>', 'which price key of the edges (file ID.price-keys)')
    .addOption(new Option('--billable-event <event>', 'which notice bills').choices(BILLABLE_EVENTS))
    .addOption(new Option('--gvl-vendor-id <n>', 'our id in the TCF vendor list').argParser(whole))
    .addOption(new Option('--seat-non-bid <when>', 'reasons per impression in answers').choices(SEAT_NON_BIDS))
    .addOption(yesNo('--discloses-min-to-win <yes|no>', 'loss notices say the price to beat'))
    .addOption(yesNo('--needs-complete-chain <yes|no>', 'refuse requests without a whole supply chain'))
    .action(async (name: string, { file, ...changes }: Changes, command: Command) => {
      const context = contextOf(command);
      const current = await find(context, name);
      const input = file === undefined ? merged(current, changes) : readJsonFile(file);
      const stored = await context.api('ad-ops').put<Exchange>(url(name), input, current?.version ?? null);
      if (context.format === 'table')
        console.log(`${name} is in version ${stored.version}; the next snapshot serves it.`);
      else printObject(stored, context.format);
    });
}

/** Null for an exchange that there is not. */
async function find(context: CommandContext, name: string): Promise<Exchange | null> {
  try {
    return await context.api('viewer').call<Exchange>('GET', url(name));
  } catch (error) {
    if (error instanceof CliError && error.code === 'not-found') return null;
    throw error;
  }
}

/** What a new exchange has unless it is named. */
const START: Partial<ExchangeInput> = {
  auctionType: 1,
  currency: 'USD',
  networkAllowanceMs: 20,
  defaultTmaxMs: 120,
  priceEncoding: 'plain',
  disclosesMinToWin: false,
};

function merged(current: Exchange | null, changes: Partial<ExchangeInput>): Partial<ExchangeInput> {
  const { exchange: _name, version: _version, ...settings } = current ?? { ...START, exchange: '', version: 0 };
  // A key without encryption would be refused: who goes back to plain prices means both.
  const withoutKey = changes.priceEncoding === 'plain' ? { priceKeyId: undefined } : {};
  return { ...settings, ...withoutKey, ...changes };
}

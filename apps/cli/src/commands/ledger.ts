import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { ChainName } from '#domain/contracts/hash-chain';
import type { ChainVerification } from '#domain/contracts/verify-chain';
import { type Trust, verifyDatabase, verifyExport } from '../chain-source';
import { CliError, EXIT } from '../exit-code';
import { printObject, printRows } from '../output';
import { contextOf, type CommandContext } from './command-context';

interface VerifyOptions {
  file?: string;
  database?: string | true;
  key?: string;
  witness?: string;
}

/** `adloop ledger|audit verify|export|list`: the chained records of what was decided and of who called what. */
export function addLedgerCommands(program: Command): void {
  const ledger = program.command('ledger').description('the chained record of intents, approvals and deployments');
  addChainCommands(ledger, 'ledger', 'viewer');
  ledger
    .command('list')
    .description('newest entries')
    .option('--kind <kind>', 'only this kind')
    .option('--limit <n>', 'rows', '30')
    .action(async (options: { kind?: string; limit: string }, command: Command) => {
      const kind = options.kind === undefined ? '' : `&kind=${encodeURIComponent(options.kind)}`;
      await list(contextOf(command), 'viewer', `/intents?limit=${options.limit}${kind}`, [
        ...['seq', 'recordedAt', 'kind', 'publisher', 'subject', 'reason'],
      ]);
    });
  const audit = program.command('audit').description('the chained record of calls: refused ones, and those that acted');
  addChainCommands(audit, 'audit', 'on-call');
  audit
    .command('list')
    .description('newest calls')
    .option('--limit <n>', 'rows', '30')
    .action(async (options: { limit: string }, command: Command) => {
      await list(contextOf(command), 'on-call', `/audit?limit=${options.limit}`, [
        ...['seq', 'at', 'actor', 'method', 'path', 'code'],
      ]);
    });
}

function addChainCommands(parent: Command, chain: ChainName, role: string): void {
  parent
    .command('verify')
    .description('find any edit, deletion, reorder or cut; exit code 1 and the first bad number when there is one')
    .option('--file <export>', 'an export, without a control plane')
    .option('--database [url]', 'straight in the database (default: DATABASE_URL, or the running stack’s)')
    .option('--key <pem>', 'the control plane’s public key (default: keys/snapshot.pub.pem of ADLOOP_HOME)')
    .option('--witness <jsonl>', 'heads kept outside the database (default: ledger/heads.jsonl of ADLOOP_HOME)')
    .action(async (options: VerifyOptions, command: Command) => {
      const context = contextOf(command);
      report(context, await verifyBy(context, chain, options));
    });
  parent
    .command('export <file>')
    .description('write signed heads and all entries as JSON lines')
    .action(async (file: string, _options: unknown, command: Command) => {
      const lines = await contextOf(command).api(role).lines('GET', `/${chain}/export`);
      writeFileSync(resolve(file), `${lines.join('\n')}\n`);
      console.log(
        `Wrote ${resolve(file)}. Check it anywhere: adloop ${chain} verify --file ${file} --key snapshot.pub.pem`,
      );
    });
}

function verifyBy(context: CommandContext, chain: ChainName, options: VerifyOptions): Promise<ChainVerification> {
  const { home, databaseUrl, stack } = context.config;
  const witness = options.witness ?? join(home, 'ledger', 'heads.jsonl');
  if (options.witness !== undefined && !existsSync(witness))
    throw new CliError('NO_WITNESS', `${witness} does not exist.`, EXIT.notFound);
  const trust: Trust = {
    keyFile: options.key ?? join(home, 'keys', 'snapshot.pub.pem'),
    witnessFile: existsSync(witness) ? witness : null,
  };
  if (options.file !== undefined) return verifyExport(chain, resolve(options.file), trust);
  if (options.database !== undefined) {
    const url = typeof options.database === 'string' ? options.database : (databaseUrl ?? stack?.urls.postgres);
    if (url === undefined)
      throw new CliError('NO_DATABASE', 'Neither DATABASE_URL nor a running stack.', EXIT.usage, 'Add --database URL.');
    return verifyDatabase(chain, url, trust);
  }
  return context.api('viewer').call<ChainVerification>('GET', `/${chain}/verification`);
}

function report({ format }: CommandContext, found: ChainVerification): void {
  if (format !== 'table') printObject({ ...found }, format);
  if (found.firstBad !== null) {
    const { seq, code, detail } = found.firstBad;
    const next = `Entries before ${seq} are whole. Compare with an older export or backup before anything is written.`;
    throw new CliError(
      'CHAIN_BROKEN',
      `${found.chain}: first bad entry ${seq} (${code}): ${detail}.`,
      EXIT.failed,
      next,
    );
  }
  if (format !== 'table') return;
  console.log(
    `${found.chain}: ${found.entries} entries whole; ${found.heads} heads, signed up to ${found.signedUpTo}.`,
  );
}

async function list(context: CommandContext, role: string, path: string, columns: string[]): Promise<void> {
  const page = await context.api(role).call<{ items: Record<string, unknown>[] }>('GET', path);
  printRows(page.items, columns, context.format);
}

import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { AGENTS } from '#domain/contracts/agent';
import type { KillOrder } from '#domain/contracts/edge-protocol';
import { killOrderFault, killScopeKey, lowersKill, type KillLevel } from '#domain/contracts/kill-order';
import { CliError, EXIT } from '../exit-code';
import { cosign, obeyedSeq, publish, readKillFile, readOperatorKey, signersOf, signOrder } from '../kill-file';
import { printObject } from '../output';
import { contextOf, type CommandContext } from './command-context';

const LEVELS = ['quarantine-agent', 'champion-only', 'safe-bids-only', 'stop-bidding'] as const;

interface OrderFlags {
  reason: string;
  key: string[];
  fleet: string;
  cell?: string;
  campaign?: string;
  agent?: string[];
  file?: string;
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/**
 * `adloop kill set|lift|cosign|show`: writes the signed file that edges read every second. It needs keys and a disk; neither the
 * API, nor Temporal, nor Postgres.
 */
export function addKillCommands(program: Command): void {
  const kill = program.command('kill').description('stop or limit the edges by a signed file; needs nothing that runs');
  const scoped = (command: Command) =>
    command
      .requiredOption('--reason <text>', 'why; kept in the order')
      .option('--key <name>', 'operator key: a name in ADLOOP_HOME/keys, or a .pem; repeat for a second one', collect)
      .option('--fleet <fleet>', 'fleet that obeys', 'demo')
      .option('--cell <cell>', 'only this cell')
      .option('--campaign <id>', 'only this campaign (stop-bidding and lift)')
      .option('--file <path>', 'kill file (default: kill.json of ADLOOP_HOME)');
  scoped(kill.command('set').argument('<level>', LEVELS.join(', ')))
    .description('raise the level; one operator is enough')
    .addOption(new Option('--agent <agent>', 'agent to quarantine; repeatable').choices(AGENTS).argParser(collect))
    .action((level: string, flags: OrderFlags, command: Command) => {
      if (!(LEVELS as readonly string[]).includes(level))
        throw new CliError('UNKNOWN_LEVEL', `"${level}" is no level; there are ${LEVELS.join(', ')}.`, EXIT.usage);
      order(contextOf(command), level as KillLevel, flags);
    });
  scoped(kill.command('lift'))
    .description('end what was ordered for this scope; two operators must sign')
    .action((flags: OrderFlags, command: Command) => order(contextOf(command), 'none', flags));
  kill
    .command('cosign')
    .description('sign the draft that waits for a second operator, and put it in place')
    .requiredOption('--key <name>', 'operator key')
    .option('--file <path>', 'kill file (default: kill.json of ADLOOP_HOME)')
    .action((flags: { key: string; file?: string }, command: Command) => complete(contextOf(command), flags));
  kill
    .command('show')
    .description('the order in the kill file and who signed it')
    .option('--file <path>', 'kill file (default: kill.json of ADLOOP_HOME)')
    .action((flags: { file?: string }, command: Command) => {
      const context = contextOf(command);
      const path = pathOf(context, flags.file);
      const found = readKillFile(path);
      if (!found) throw new CliError('NO_KILL_FILE', `There is no kill file ${path}.`, EXIT.notFound);
      const signedBy = signersOf(found.file, join(context.config.home, 'keys', 'operator-public'));
      printObject({ file: path, ...found.order, signedBy }, context.format);
    });
}

const pathOf = (context: CommandContext, file: string | undefined): string =>
  file ?? join(context.config.home, 'kill.json');
const draftOf = (path: string): string => `${path}.draft`;

function order(context: CommandContext, level: KillLevel, flags: OrderFlags): void {
  const path = pathOf(context, flags.file);
  const present = readKillFile(path)?.order;
  const scope = {
    fleet: flags.fleet,
    ...(flags.cell && { cell: flags.cell }),
    ...(flags.campaign && { campaignId: flags.campaign }),
  };
  // Time of day, so that two operators who know nothing of each other's files still number them in order.
  const seq = Math.max(Date.now(), 1 + Math.max(present?.seq ?? 0, obeyedSeq(context.config.home)));
  const next: KillOrder = {
    level,
    agents: flags.agent ?? [],
    scope,
    seq,
    issuedAt: new Date().toISOString(),
    reason: flags.reason,
  };
  const fault = killOrderFault(next);
  if (fault !== null) throw new CliError('MEANINGLESS_ORDER', `${fault}.`, EXIT.usage);
  const keys = (flags.key ?? ['operator-a']).map((key) => readOperatorKey(context.config.home, key));
  const file = signOrder(next, keys);
  const before = present && killScopeKey(present) === killScopeKey(next) ? present : undefined;
  const needsTwo = level === 'none' || lowersKill(next, before);
  if (needsTwo && file.signatures.length < 2) {
    // Not in place of the order in force: an edge that starts afresh would find nothing to obey.
    publish(draftOf(path), file);
    throw new CliError(
      'NEEDS_TWO_KEYS',
      `Lowering a level takes two operators, and one has signed: nothing has changed. The draft is ${draftOf(path)}.`,
      EXIT.denied,
      'Another operator completes it: adloop kill cosign --key NAME',
    );
  }
  const publishedAtMs = publish(path, file);
  printObject({ file: path, ...next, signatures: file.signatures.length, publishedAtMs }, context.format);
}

function complete(context: CommandContext, flags: { key: string; file?: string }): void {
  const path = pathOf(context, flags.file);
  const draft = draftOf(path);
  const waiting = existsSync(draft) ? readKillFile(draft) : null;
  if (!waiting) throw new CliError('NO_DRAFT', `No order waits for a second signature in ${draft}.`, EXIT.notFound);
  const file = cosign(waiting.file, readOperatorKey(context.config.home, flags.key));
  if (file.signatures.length < 2)
    throw new CliError('SAME_OPERATOR', `${flags.key} has signed already: another operator must.`, EXIT.denied);
  const newest = Math.max(readKillFile(path)?.order.seq ?? 0, obeyedSeq(context.config.home));
  if (waiting.order.seq <= newest)
    throw new CliError(
      'DRAFT_OUTDATED',
      `A newer order (${newest}) was given since this draft (${waiting.order.seq}): edges would refuse it.`,
      EXIT.conflict,
      'Begin again: adloop kill lift --reason TEXT --key NAME',
    );
  const publishedAtMs = publish(path, file);
  rmSync(draft, { force: true });
  printObject({ file: path, ...waiting.order, signatures: file.signatures.length, publishedAtMs }, context.format);
}

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { MAX_LIVE_KEYS, parseKeyFile, printKeyFile } from '#domain/contracts/key-file';
import { CliError, EXIT } from '../exit-code';
import { printObject } from '../output';
import { contextOf, type CommandContext } from './command-context';

const KEY_BYTES = 32;
const HOUR_MS = 3_600_000;

interface KeyFlags {
  file?: string;
}

/**
 * `adloop keys rotate notice` and `adloop keys retire notice`: the key that signs notice URLs, changed under running edges, which read
 * its file every second. Needs a disk alone. An edge on another machine needs the file there: after the first step, and after the second.
 */
export function addKeyCommands(program: Command): void {
  const keys = program.command('keys').description('rotate the keys that sign notice URLs');
  const file = (command: Command) =>
    command.argument('<kind>', 'notice').option('--file <path>', 'key file (default: keys/notice.key of ADLOOP_HOME)');
  file(keys.command('rotate'))
    .description('a new key: every edge learns it, then it signs; the old one goes on verifying until it is retired')
    .option('--step <step>', 'announce, sign, or both in turn', 'both')
    .option('--seconds <n>', 'between both steps: as long as the slowest edge takes to have the file', '5')
    .action((kind: string, flags: KeyFlags & { step: string; seconds: string }, command: Command) =>
      rotate(contextOf(command), pathOf(contextOf(command), kind, flags), flags.step, Number(flags.seconds)),
    );
  file(keys.command('retire'))
    .description('forget the old key, once the last token that it signed has expired')
    .option('--hours <n>', 'life of a token: a day (EDGE_TOKEN_TTL_MS) and the longest window for conversions', '744')
    .action((kind: string, flags: KeyFlags & { hours: string }, command: Command) =>
      retire(contextOf(command), pathOf(contextOf(command), kind, flags), Number(flags.hours)),
    );
}

async function rotate(context: CommandContext, path: string, step: string, seconds: number): Promise<void> {
  if (!['announce', 'sign', 'both'].includes(step) || !(seconds >= 0))
    throw new CliError('UNKNOWN_STEP', `There are the steps announce, sign and both, and seconds from 0.`, EXIT.usage);
  if (step !== 'sign') {
    const keys = read(path);
    if (keys.length >= MAX_LIVE_KEYS)
      throw new CliError(
        'TWO_KEYS_LIVE',
        `${path} holds two keys: the older one may still have signed live tokens.`,
        EXIT.conflict,
        'Retire it first: adloop keys retire notice',
      );
    // Second: it verifies everywhere before anything is signed by it.
    replace(path, [...keys, randomBytes(KEY_BYTES).toString('hex')]);
  }
  if (step === 'both') await sleep(seconds * 1000);
  if (step !== 'announce') {
    const keys = read(path);
    if (keys.length < MAX_LIVE_KEYS)
      throw new CliError('ONE_KEY_LIVE', `${path} holds one key: none was announced.`, EXIT.conflict);
    replace(path, [...keys].reverse());
  }
  printObject({ file: path, keys: read(path).length, step }, context.format);
}

function retire(context: CommandContext, path: string, hours: number): void {
  const keys = read(path);
  if (keys.length < MAX_LIVE_KEYS) throw new CliError('ONE_KEY_LIVE', `${path} holds one key only.`, EXIT.conflict);
  const ageMs = Date.now() - statSync(path).mtimeMs;
  if (!(ageMs >= hours * HOUR_MS))
    throw new CliError(
      'TOKENS_LIVE',
      `The keys were changed ${(ageMs / HOUR_MS).toFixed(1)} h ago; tokens live ${hours} h.`,
      EXIT.conflict,
      'Wait, or say how long they live by --hours.',
    );
  replace(path, keys.slice(0, 1));
  printObject({ file: path, keys: 1, step: 'retire' }, context.format);
}

function pathOf(context: CommandContext, kind: string, flags: KeyFlags): string {
  if (kind !== 'notice')
    throw new CliError('UNKNOWN_KEY', `Keys of the kind 'notice' are rotated, not '${kind}'.`, EXIT.usage);
  return flags.file ?? join(context.config.home, 'keys', 'notice.key');
}

function read(path: string): string[] {
  if (!existsSync(path)) throw new CliError('NO_KEY_FILE', `There is no key file ${path}.`, EXIT.notFound);
  const keys = parseKeyFile(readFileSync(path, 'utf8'));
  if (keys === null)
    throw new CliError('BAD_KEY_FILE', `${path} holds other things than one or two keys.`, EXIT.failed);
  return keys;
}

/** Whole or not at all: edges read it at any moment. */
function replace(path: string, keys: readonly string[]): void {
  writeFileSync(`${path}.new`, printKeyFile(keys), { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

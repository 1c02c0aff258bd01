import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { killFileSchema, killOrderSchema, type KillOrder } from '#domain/contracts/edge-protocol';
import { CliError, EXIT } from './exit-code';

/** A kill file as it lies on disk: the signed text of an order, and its signatures. */
export interface KillFile {
  payload: string;
  signatures: { keyId: string; signature: string }[];
}

/** An operator's private key with the name that its signatures carry. */
export interface OperatorKey {
  name: string;
  key: KeyObject;
}

/** Reads an operator's key: a name in ADLOOP_HOME/keys, or a path to a PEM. @throws CliError NO_KEY, WRONG_KEY */
export function readOperatorKey(home: string, nameOrPath: string): OperatorKey {
  const file = nameOrPath.endsWith('.pem') ? nameOrPath : join(home, 'keys', `${nameOrPath}.pem`);
  if (!existsSync(file)) throw new CliError('NO_KEY', `There is no operator key ${file}.`, EXIT.notFound);
  const key = createPrivateKey(readFileSync(file, 'utf8'));
  if (key.asymmetricKeyType !== 'ed25519') throw new CliError('WRONG_KEY', `${file} is no ed25519 key.`, EXIT.usage);
  return { name: (file.split('/').at(-1) ?? file).replace(/\.pem$/, ''), key };
}

/** Signs an order with every key given. */
export function signOrder(order: KillOrder, keys: readonly OperatorKey[]): KillFile {
  return keys.reduce(cosign, { payload: JSON.stringify(order), signatures: [] });
}

/** Adds one signature over the same text; a key that has signed already signs nothing twice. */
export function cosign(file: KillFile, { name, key }: OperatorKey): KillFile {
  const mark = createPublicKey(key);
  const bytes = Buffer.from(file.payload, 'utf8');
  if (file.signatures.some(({ signature }) => verify(null, bytes, mark, Buffer.from(signature, 'base64url'))))
    return file;
  const signature = sign(null, bytes, key).toString('base64url');
  return { payload: file.payload, signatures: [...file.signatures, { keyId: name, signature }] };
}

/** The order in a kill file's text. @throws CliError NO_KILL_FILE when it is none */
export function parseKillFile(text: string, file: string): { file: KillFile; order: KillOrder } {
  try {
    const parsed = killFileSchema.parse(JSON.parse(text));
    return { file: parsed, order: killOrderSchema.parse(JSON.parse(parsed.payload)) };
  } catch {
    throw new CliError('NO_KILL_FILE', `${file} is no kill file.`, EXIT.usage);
  }
}

/** The kill file at `path`, or null when there is none. */
export function readKillFile(path: string): { file: KillFile; order: KillOrder } | null {
  return existsSync(path) ? parseKillFile(readFileSync(path, 'utf8'), path) : null;
}

/** Names of the operators, out of those pinned in `folder` (`*.pub.pem`), whose signatures on the file are good. */
export function signersOf({ payload, signatures }: KillFile, folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.pub.pem')) : [];
  return names
    .filter((name) => {
      const key = createPublicKey(readFileSync(join(folder, name), 'utf8'));
      return signatures.some(({ signature }) =>
        verify(null, Buffer.from(payload, 'utf8'), key, Buffer.from(signature, 'base64url')),
      );
    })
    .map((name) => name.replace(/\.pub\.pem$/, ''));
}

/**
 * Puts the file in place in one step, so that an edge reads the old one or the new one and nothing between.
 * @returns the moment of the rename, ms
 */
export function publish(path: string, file: KillFile): number {
  const draft = `${path}.${process.pid}.tmp`;
  const handle = openSync(draft, 'w', 0o644);
  try {
    writeSync(handle, `${JSON.stringify(file)}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  const atMs = Date.now();
  renameSync(draft, path);
  return atMs;
}

/** Highest sequence number that the edges kept under this home have obeyed; 0 when there is none. */
export function obeyedSeq(home: string): number {
  const edges = join(home, 'edge');
  if (!existsSync(edges)) return 0;
  const states = readdirSync(edges).map((edge) => join(edges, edge, 'state', 'kill.json'));
  const seqs = states
    .filter((state) => existsSync(state))
    .map((state) => (JSON.parse(readFileSync(state, 'utf8')) as { seq: number }).seq);
  return Math.max(0, ...seqs);
}

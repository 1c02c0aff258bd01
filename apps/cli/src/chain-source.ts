import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { Client } from 'pg';
import {
  CHAIN_HEADS_SQL,
  type ChainName,
  type ChainRow,
  chainRowsSql,
  type SignedHead,
  signedHeadSchema,
} from '#domain/contracts/hash-chain';
import { type ChainVerification, checkHeads, verifyChain } from '#domain/contracts/verify-chain';
import { CliError, EXIT } from './exit-code';

const PAGE = 1_000;
const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** Heads and rows of one chain, from wherever they are kept. */
interface ChainSource {
  heads: SignedHead[];
  pages: AsyncIterable<ChainRow[]>;
}

/** What a verification without the control plane needs beside the chain. */
export interface Trust {
  /** Public key (PEM) of the control plane. */
  keyFile: string;
  /** Heads kept outside the database, or null where there are none. */
  witnessFile: string | null;
}

/** Verifies the lines that `adloop ledger export` wrote. */
export async function verifyExport(chain: ChainName, file: string, trust: Trust): Promise<ChainVerification> {
  if (!existsSync(file)) throw new CliError('NO_EXPORT', `${file} does not exist.`, EXIT.notFound);
  const heads: SignedHead[] = [];
  for await (const line of linesOf(file)) {
    if (line.type === 'chain' && line.chain !== chain)
      throw new CliError('OTHER_CHAIN', `${file} is an export of the ${line.chain}, not of the ${chain}.`, EXIT.usage);
    if (line.type === 'head') heads.push(signedHeadSchema.parse(line.head));
  }
  return verifySource(chain, { heads, pages: pagesOf(file) }, trust);
}

/** Verifies straight in the database, past the control plane. */
export async function verifyDatabase(chain: ChainName, url: string, trust: Trust): Promise<ChainVerification> {
  const client = new Client({ connectionString: url, application_name: 'adloop-verify' });
  try {
    await client.connect();
    const { rows: heads } = await client.query<SignedHead>(CHAIN_HEADS_SQL, [chain]);
    return await verifySource(chain, { heads, pages: databasePages(client, chain) }, trust);
  } finally {
    await client.end();
  }
}

async function verifySource(chain: ChainName, source: ChainSource, trust: Trust): Promise<ChainVerification> {
  const witnesses = trust.witnessFile === null ? [] : witnessesOf(chain, trust.witnessFile);
  if (!existsSync(trust.keyFile)) {
    const next = 'Name the control plane’s public key: --key FILE (ADLOOP_HOME/keys/snapshot.pub.pem).';
    throw new CliError('NO_KEY', `${trust.keyFile} does not exist.`, EXIT.notFound, next);
  }
  const keys = new Map([['snapshot', createPublicKey(readFileSync(trust.keyFile))]]);
  const tools = { sha256, checkSignature: checkSignature(keys) };
  return verifyChain(chain, checkHeads(chain, source.heads, witnesses, tools), source.pages, sha256);
}

const checkSignature =
  (keys: ReadonlyMap<string, KeyObject>) =>
  (payload: string, signature: string, keyId: string): boolean | null => {
    const key = keys.get(keyId);
    return key ? verify(null, Buffer.from(payload, 'utf8'), key, Buffer.from(signature, 'base64url')) : null;
  };

function witnessesOf(chain: ChainName, file: string): SignedHead[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as SignedHead & { chain: string })
    .filter((head) => head.chain === chain)
    .map((head) => signedHeadSchema.parse(head));
}

async function* databasePages(client: Client, chain: ChainName): AsyncGenerator<ChainRow[]> {
  for (let after = '0'; ;) {
    const { rows } = await client.query<ChainRow>(chainRowsSql(chain), [after, PAGE]);
    if (rows.length === 0) return;
    yield rows;
    after = rows.at(-1)?.seq ?? after;
  }
}

async function* pagesOf(file: string): AsyncGenerator<ChainRow[]> {
  let page: ChainRow[] = [];
  for await (const line of linesOf(file)) {
    if (line.type !== 'row') continue;
    page.push(line.row);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

type ExportLine = { type: 'chain'; chain: string } | { type: 'head'; head: unknown } | { type: 'row'; row: ChainRow };

/** By hand: `readline` also breaks at U+2028, which JSON text may hold. */
async function* linesOf(file: string): AsyncGenerator<ExportLine> {
  let rest = '';
  for await (const chunk of createReadStream(file, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as ExportLine;
  }
  if (rest !== '') yield JSON.parse(rest) as ExportLine;
}

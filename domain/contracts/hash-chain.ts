import { z } from 'zod';
import { canonicalJson } from './canonical-json';

/**
 * The two chained records: the ledger (intents, approvals, deployments, sums of conflicts) and the audit of calls. An entry's hash is
 * sha256(previous hash + canonical JSON of every other column), so that an edit, a gap or another order shows; signed heads
 * show what was cut off or written anew. Pure: the hash and the check of a signature are arguments.
 */
export const CHAIN_NAMES = ['ledger', 'audit'] as const;
export type ChainName = (typeof CHAIN_NAMES)[number];

/** Hash before the first entry. */
export const GENESIS_HASH = '0'.repeat(64);

type ColumnKind = 'integer' | 'text' | 'time' | 'json';

/** A chained table: its columns, the member of the hashed JSON that each one is, and how it is read. */
interface ChainTable {
  table: string;
  columns: readonly { column: string; member: string; kind: ColumnKind }[];
}

const column = (name: string, kind: ColumnKind = 'text', member = name) => ({ column: name, member, kind });

export const CHAINS: Readonly<Record<ChainName, ChainTable>> = {
  ledger: {
    table: 'intent',
    columns: [
      column('seq', 'integer'),
      column('key'),
      column('kind'),
      column('publisher'),
      column('subject'),
      column('action', 'json'),
      column('reason'),
      column('expires_at', 'time', 'expiresAt'),
      column('recorded_at', 'time', 'recordedAt'),
    ],
  },
  audit: {
    table: 'access_audit',
    columns: [
      column('seq', 'integer'),
      column('at', 'time'),
      column('actor'),
      column('method'),
      column('path'),
      column('code'),
      column('remote_address', 'text', 'remoteAddress'),
    ],
  },
};

/**
 * One row as the database prints it: times as seconds since 1970 with six decimals, JSON as its text. Nothing is rounded on the
 * way, or an edit below the rounding would not show.
 */
export type ChainRow = Readonly<Record<string, string | null>>;

/** SQL that reads rows after sequence number $1 in their order, at most $2. */
export function chainRowsSql(chain: ChainName): string {
  const { table, columns } = CHAINS[chain];
  const read = ({ column: name, kind }: { column: string; kind: ColumnKind }): string =>
    `${kind === 'time' ? `extract(epoch FROM ${name})::text` : `${name}::text`} AS ${name}`;
  return `SELECT ${columns.map(read).join(', ')}, previous_hash, hash FROM ${table} WHERE seq > $1 ORDER BY ${table}.seq LIMIT $2`;
}

/** SQL that reads a chain's signed heads ($1 = its name) in their order. */
export const CHAIN_HEADS_SQL =
  'SELECT number, day::text AS day, payload, key_id AS "keyId", signature FROM chain_head WHERE chain = $1 ORDER BY chain_head.number';

/** What a head says when it is signed. */
export const chainHeadSchema = z.object({
  chain: z.enum(CHAIN_NAMES),
  /** 1, 2, 3 …: a head that is missing shows. */
  number: z.number().int().positive(),
  /** UTC day, one head each. */
  day: z.string(),
  seq: z.number().int().positive(),
  hash: z.string(),
  signedAt: z.string(),
  /** sha256 of the payload before, or null for the first. */
  previousHead: z.string().nullable(),
});
export type ChainHead = z.infer<typeof chainHeadSchema>;

/** A head as stored: in the database, in the witness file of ADLOOP_HOME, or in an export. */
export const signedHeadSchema = z.object({
  number: z.number().int(),
  day: z.string(),
  payload: z.string(),
  keyId: z.string(),
  signature: z.string(),
});
export type SignedHead = z.infer<typeof signedHeadSchema>;

/** The text whose hash, after the predecessor's, is the entry's own; null when a column holds what no entry ever did. */
export function chainContent(chain: ChainName, row: ChainRow): string | null {
  const members: Record<string, unknown> = {};
  for (const { column: name, member, kind } of CHAINS[chain].columns) {
    const text = row[name];
    if (text === undefined) return null;
    const value = text === null ? null : valueOf(kind, text);
    if (value === undefined) return null;
    members[member] = value;
  }
  return canonicalJson(members);
}

/** undefined = not what any entry was written with. */
function valueOf(kind: ColumnKind, text: string): unknown {
  if (kind === 'text') return text;
  if (kind === 'time') return timeOf(text);
  if (kind === 'json') return exactJson(text);
  const number = Number(text);
  return Number.isSafeInteger(number) && String(number) === text ? number : undefined;
}

/** ISO 8601 in UTC with milliseconds, or with microseconds where there are any. */
function timeOf(text: string): string | undefined {
  const match = /^(\d{1,11})\.(\d{3})(\d{3})$/.exec(text);
  if (match === null) return undefined;
  const [, seconds, millis, micros] = match as unknown as [string, string, string, string];
  const iso = new Date(Number(seconds) * 1000 + Number(millis)).toISOString();
  return micros === '000' ? iso : `${iso.slice(0, -1)}${micros}Z`;
}

/** JSON whose numbers are exactly what JavaScript makes of them: 1.0 for 1, or a last digit beyond a double, would hide an edit. */
function exactJson(text: string): unknown {
  const withoutStrings = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const numbers = withoutStrings.match(/-?\d[\d.eE+-]*/g) ?? [];
  if (!numbers.every((number) => plainDecimal(String(Number(number))) === number)) return undefined;
  return JSON.parse(text);
}

/** `1.5e-7` as the database prints it: `0.00000015`. */
function plainDecimal(text: string): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign, first, rest = '', power] = match as unknown as [string, string, string, string | undefined, string];
  const digits = first + rest;
  const point = 1 + Number(power);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length
    ? `${sign}${digits}${'0'.repeat(point - digits.length)}`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

import {
  chainContent,
  type ChainHead,
  chainHeadSchema,
  type ChainName,
  type ChainRow,
  GENESIS_HASH,
  type SignedHead,
} from './hash-chain';

/** What is wrong with a chain. */
export type ChainFaultCode =
  'missing' | 'edited' | 'rewritten' | 'truncated' | 'head-forged' | 'head-missing' | 'head-unknown-key';

/** The first sequence number that is not what was written. */
export interface ChainFault {
  seq: number;
  code: ChainFaultCode;
  detail: string;
}

/** Lower-case hexadecimal sha256 of a text's UTF-8 bytes. */
export type Sha256 = (text: string) => string;
/** Whether a signature (base64url) over a payload is of this key; null = the key is not known. */
export type CheckSignature = (payload: string, signature: string, keyId: string) => boolean | null;

export interface ChainTools {
  sha256: Sha256;
  checkSignature: CheckSignature;
}

/** Hash of an entry from its predecessor's hash and its content. */
export const entryHash = (sha256: Sha256, previousHash: string, content: string): string =>
  sha256(previousHash + content);

/** Heads that may be trusted, and the first fault among them. */
export interface CheckedHeads {
  heads: ChainHead[];
  fault: ChainFault | null;
}

/**
 * Checks the heads of a chain: signature, order, each one naming its predecessor. `witnesses` are copies kept elsewhere: a head that
 * only they know was deleted from the database, and they count all the same.
 */
export function checkHeads(
  chain: ChainName,
  stored: readonly SignedHead[],
  witnesses: readonly SignedHead[],
  tools: ChainTools,
): CheckedHeads {
  const byNumber = new Map(stored.map((head) => [head.number, head]));
  const witnessed = new Map(witnesses.map((head) => [head.number, head]));
  const last = Math.max(0, ...byNumber.keys(), ...witnessed.keys());
  const heads: ChainHead[] = [];
  let fault: ChainFault | null = null;
  let previous: SignedHead | null = null;
  for (let number = 1; number <= last; number += 1) {
    const own = byNumber.get(number);
    const copy = witnessed.get(number);
    const signed: SignedHead | undefined = own ?? copy;
    const after = (heads.at(-1)?.seq ?? 0) + 1;
    if (signed === undefined) {
      fault ??= { seq: after, code: 'head-missing', detail: `head ${number} is missing` };
      previous = null;
      continue;
    }
    const read = readHead(chain, signed, previous, number, tools);
    if (typeof read === 'string') {
      fault ??= { seq: after, code: read, detail: `head ${number} of ${signed.day} is not what was signed` };
    } else heads.push(read);
    if (own === undefined) {
      fault ??= {
        seq: after,
        code: 'head-missing',
        detail: `head ${number} is in the witness file but not in the database`,
      };
    } else if (copy !== undefined && copy.payload !== own.payload) {
      fault ??= {
        seq: after,
        code: 'head-forged',
        detail: `head ${number} differs between the database and the witness file`,
      };
    }
    previous = signed;
  }
  return { heads, fault };
}

function readHead(
  chain: ChainName,
  signed: SignedHead,
  previous: SignedHead | null,
  number: number,
  tools: ChainTools,
): ChainHead | 'head-forged' | 'head-unknown-key' {
  const isSigned = tools.checkSignature(signed.payload, signed.signature, signed.keyId);
  if (isSigned === null) return 'head-unknown-key';
  if (!isSigned) return 'head-forged';
  const parsed = chainHeadSchema.safeParse(JSON.parse(signed.payload));
  if (!parsed.success) return 'head-forged';
  const head = parsed.data;
  const fits = head.chain === chain && head.number === number && head.day === signed.day;
  const follows =
    number === 1
      ? head.previousHead === null
      : previous === null || head.previousHead === tools.sha256(previous.payload);
  return fits && follows ? head : 'head-forged';
}

/**
 * Walks a chain row by row, in the order of sequence numbers from 1. `next` and `end` answer the first fault or null; after a fault
 * the walk is over.
 */
export class ChainWalk {
  private last = { seq: 0, hash: GENESIS_HASH };
  private readonly bySeq: ReadonlyMap<number, ChainHead>;

  constructor(
    private readonly chain: ChainName,
    private readonly heads: readonly ChainHead[],
    private readonly sha256: Sha256,
  ) {
    this.bySeq = new Map(heads.map((head) => [head.seq, head]));
  }

  /** Entries that fit so far. */
  get entries(): number {
    return this.last.seq;
  }

  next(row: ChainRow): ChainFault | null {
    const expected = this.last.seq + 1;
    const seq = Number(row.seq);
    if (seq !== expected) {
      const found = row.seq ?? 'nothing';
      return { seq: expected, code: 'missing', detail: `entry ${expected} is missing; ${found} follows` };
    }
    const content = chainContent(this.chain, row);
    const previousHash = row.previous_hash ?? '';
    const hash = row.hash ?? '';
    if (content === null || entryHash(this.sha256, previousHash, content) !== hash) {
      return { seq, code: 'edited', detail: `entry ${seq} is not what its hash was made of` };
    }
    if (previousHash !== this.last.hash) {
      // This entry is whole, so it is its predecessor that was replaced; the first one has none.
      const bad = Math.max(1, this.last.seq);
      return { seq: bad, code: 'rewritten', detail: `entry ${bad} is not the one that entry ${seq} was chained to` };
    }
    const head = this.bySeq.get(seq);
    if (head !== undefined && head.hash !== hash) return this.rewrittenBefore(head);
    this.last = { seq, hash };
    return null;
  }

  /** After the last row. */
  end(): ChainFault | null {
    const missing = this.heads.find((head) => head.seq > this.last.seq);
    if (missing === undefined) return null;
    const detail = `the head signed on ${missing.day} counts ${missing.seq} entries, ${this.last.seq} are left`;
    return { seq: this.last.seq + 1, code: 'truncated', detail };
  }

  /** Consistent in itself, but not what was signed: everything since the last head that fits is in doubt. */
  private rewrittenBefore(head: ChainHead): ChainFault {
    const trusted = this.heads.filter((other) => other.seq < head.seq).at(-1)?.seq ?? 0;
    const detail = `entries ${trusted + 1} to ${head.seq} were written anew: entry ${head.seq} is not what was signed on ${head.day}`;
    return { seq: trusted + 1, code: 'rewritten', detail };
  }
}

/** Result of a verification. */
export interface ChainVerification {
  chain: ChainName;
  ok: boolean;
  /** Entries that fit, from the first. */
  entries: number;
  heads: number;
  /** Last sequence number that a signed head covers; what follows could be cut off unseen until the next head. */
  signedUpTo: number;
  firstBad: ChainFault | null;
}

/**
 * Verifies a whole chain: heads, then every row, then that nothing after the last row was signed.
 * @param pages rows in the order of their numbers, in pages of any size.
 */
export async function verifyChain(
  chain: ChainName,
  checked: CheckedHeads,
  pages: AsyncIterable<readonly ChainRow[]>,
  sha256: Sha256,
): Promise<ChainVerification> {
  const walk = new ChainWalk(chain, checked.heads, sha256);
  let fault: ChainFault | null = null;
  for await (const rows of pages) {
    for (const row of rows) {
      fault = walk.next(row);
      if (fault !== null) break;
    }
    if (fault !== null) break;
  }
  fault ??= walk.end();
  const first = fault === null || (checked.fault !== null && checked.fault.seq < fault.seq) ? checked.fault : fault;
  const signedUpTo = checked.heads.at(-1)?.seq ?? 0;
  return { chain, ok: first === null, entries: walk.entries, heads: checked.heads.length, signedUpTo, firstBad: first };
}

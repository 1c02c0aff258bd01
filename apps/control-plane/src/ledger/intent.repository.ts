import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { canonicalJson } from '#domain/contracts/canonical-json';
import { type Intent, intentSchema } from '#domain/contracts/intent';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { exactNumber } from '../database/bigint-number';

/** Key of the advisory lock that keeps the chain single: 'intn' in ASCII. */
const CHAIN_LOCK = 0x696e746e;
const GENESIS = '0'.repeat(64);

/** An intent as it stands in the ledger. */
export interface LedgerEntry extends Intent {
  seq: number;
  recordedAt: string;
  previousHash: string;
  hash: string;
}

interface IntentRow {
  seq: string;
  key: string;
  kind: Intent['kind'];
  publisher: Intent['publisher'];
  subject: string;
  action: Intent['action'];
  reason: string;
  expires_at: Date | null;
  recorded_at: Date;
  previous_hash: string;
  hash: string;
}

/** The append-only, hash-chained ledger of intents. */
@Injectable()
export class IntentRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Appends once per `key`; a second time with the same key returns the first entry, whatever else it says.
   * @param manager the caller's transaction, when the intent must stand or fall with it.
   * @throws ZodError when the intent breaks its contract.
   */
  append(intent: Intent, manager?: EntityManager): Promise<LedgerEntry> {
    const valid = intentSchema.parse(intent);
    if (manager) return this.appendUnderLock(valid, manager);
    return this.database.transaction((own) => this.appendUnderLock(valid, own));
  }

  /** Newest first. */
  async list(query: PageQuery & { kind?: string | undefined }): Promise<Page<LedgerEntry>> {
    const before = decodeCursor(query.cursor);
    const rows = (await this.database.query(
      `SELECT * FROM intent WHERE ($1::bigint IS NULL OR seq < $1) AND ($2::text IS NULL OR kind = $2)
       ORDER BY seq DESC LIMIT $3`,
      [before, query.kind ?? null, query.limit + 1],
    )) as IntentRow[];
    return pageOf(rows.map(toEntry), query.limit, (row) => String(row.seq));
  }

  /** Walks the chain; `brokenAt` is the first sequence number whose hash, predecessor or number does not fit, or null. */
  async verify(): Promise<{ entries: number; brokenAt: number | null }> {
    let previous = { seq: 0, hash: GENESIS };
    for (;;) {
      const rows = (await this.database.query('SELECT * FROM intent WHERE seq > $1 ORDER BY seq LIMIT 1000', [
        previous.seq,
      ])) as IntentRow[];
      if (rows.length === 0) return { entries: previous.seq, brokenAt: null };
      for (const entry of rows.map(toEntry)) {
        const fits =
          entry.seq === previous.seq + 1 && entry.previousHash === previous.hash && entry.hash === hashOf(entry);
        if (!fits) return { entries: previous.seq, brokenAt: entry.seq };
        previous = entry;
      }
    }
  }

  private async appendUnderLock(intent: Intent, manager: EntityManager): Promise<LedgerEntry> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [CHAIN_LOCK]);
    const [known] = (await manager.query('SELECT * FROM intent WHERE key = $1', [intent.key])) as IntentRow[];
    if (known) return toEntry(known);
    const [last] = (await manager.query('SELECT seq, hash FROM intent ORDER BY seq DESC LIMIT 1')) as IntentRow[];
    const open = {
      ...intent,
      expiresAt: intent.expiresAt === null ? null : new Date(intent.expiresAt).toISOString(),
      seq: last ? exactNumber(last.seq) + 1 : 1,
      recordedAt: new Date().toISOString(),
      previousHash: last?.hash ?? GENESIS,
    };
    const entry: LedgerEntry = { ...open, hash: hashOf(open) };
    await manager.query(
      `INSERT INTO intent (seq, key, kind, publisher, subject, action, reason, expires_at, recorded_at, previous_hash, hash)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        entry.seq,
        entry.key,
        entry.kind,
        entry.publisher,
        entry.subject,
        JSON.stringify(entry.action),
        entry.reason,
        entry.expiresAt,
        entry.recordedAt,
        entry.previousHash,
        entry.hash,
      ],
    );
    return entry;
  }
}

/** sha256 over the predecessor's hash and the canonical JSON of everything else in the row. */
function hashOf({ previousHash, ...rest }: Omit<LedgerEntry, 'hash'> & { hash?: string }): string {
  const { hash: _hash, ...content } = rest;
  return createHash('sha256').update(previousHash).update(canonicalJson(content)).digest('hex');
}

function toEntry(row: IntentRow): LedgerEntry {
  return {
    seq: exactNumber(row.seq),
    key: row.key,
    kind: row.kind,
    publisher: row.publisher,
    subject: row.subject,
    action: row.action,
    reason: row.reason,
    expiresAt: row.expires_at?.toISOString() ?? null,
    recordedAt: row.recorded_at.toISOString(),
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}

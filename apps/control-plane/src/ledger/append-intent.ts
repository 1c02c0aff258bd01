import type { EntityManager } from 'typeorm';
import { canonicalJson } from '#domain/contracts/canonical-json';
import { GENESIS_HASH } from '#domain/contracts/hash-chain';
import { type Intent, intentSchema } from '#domain/contracts/intent';
import { entryHash } from '#domain/contracts/verify-chain';
import { exactNumber } from '../database/bigint-number';
import { writeToOutbox } from '../messages/outbox';
import { sha256Hex } from './chain-reader';

/** Key of the advisory lock that keeps the chain single: 'intn' in ASCII. */
const CHAIN_LOCK = 0x696e746e;

/** An intent as it stands in the ledger. */
export interface LedgerEntry extends Intent {
  seq: number;
  recordedAt: string;
  previousHash: string;
  hash: string;
}

/** A row of the table `intent`. */
export interface IntentRow {
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

/**
 * Appends an intent to the ledger in the caller's transaction, once per `key`, and writes the message that tells of it to the outbox.
 * A second time with the same key changes nothing and answers the first entry, whatever else it says. The chain is locked until
 * the transaction ends: append late.
 * @throws ZodError when the intent breaks its contract.
 */
export async function appendIntent(manager: EntityManager, intent: Intent): Promise<LedgerEntry> {
  const valid = intentSchema.parse(intent);
  await manager.query('SELECT pg_advisory_xact_lock($1)', [CHAIN_LOCK]);
  const [known] = (await manager.query('SELECT * FROM intent WHERE key = $1', [valid.key])) as IntentRow[];
  if (known) return toEntry(known);
  const [last] = (await manager.query('SELECT seq, hash FROM intent ORDER BY seq DESC LIMIT 1')) as IntentRow[];
  const content = {
    ...valid,
    expiresAt: valid.expiresAt === null ? null : new Date(valid.expiresAt).toISOString(),
    seq: last ? exactNumber(last.seq) + 1 : 1,
    recordedAt: new Date().toISOString(),
  };
  const previousHash = last?.hash ?? GENESIS_HASH;
  const entry = { ...content, previousHash, hash: entryHash(sha256Hex, previousHash, canonicalJson(content)) };
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
  await writeToOutbox(manager, {
    messageId: `ledger/${entry.seq}`,
    topic: 'ledger.appended',
    schemaVersion: 1,
    producedAt: entry.recordedAt,
    payload: { ...entry },
  });
  return entry;
}

/** The entry of a row. */
export function toEntry(row: IntentRow): LedgerEntry {
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

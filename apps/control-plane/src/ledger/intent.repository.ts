import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Intent } from '#domain/contracts/intent';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { appendIntent, type IntentRow, type LedgerEntry, toEntry } from './append-intent';

/** The append-only, hash-chained ledger of intents. */
@Injectable()
export class IntentRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Appends once per `key` (`appendIntent`).
   * @param manager the caller's transaction, when the intent must stand or fall with it.
   */
  append(intent: Intent, manager?: EntityManager): Promise<LedgerEntry> {
    if (manager) return appendIntent(manager, intent);
    return this.database.transaction((own) => appendIntent(own, intent));
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
}

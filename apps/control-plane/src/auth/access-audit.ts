import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { canonicalJson } from '#domain/contracts/canonical-json';
import { GENESIS_HASH } from '#domain/contracts/hash-chain';
import { entryHash } from '#domain/contracts/verify-chain';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { exactNumber } from '../database/bigint-number';
import { sha256Hex } from '../ledger/chain-reader';
import { childLogger } from '../logger';
import type { ProblemError } from '../problems/problem-error';

/** Key of the advisory lock that keeps the chain single: 'audt' in ASCII. */
const CHAIN_LOCK = 0x61756474;
/** Audit rows written per minute at most: a flood of bad tokens must not fill the disk; the rest is counted in one log line. */
const ROWS_PER_MINUTE = 600;
/** Code of a call that was let through and done. */
export const DONE = 'done';

/** One call as the audit keeps it; `code` is the problem's, or `done`. */
export interface AuditEntry {
  seq: number;
  at: string;
  actor: string;
  method: string;
  path: string;
  code: string;
  remoteAddress: string;
  previousHash: string;
  hash: string;
}

/**
 * Appends calls to `access_audit`, chained by hash as the ledger is: refused attempts, and everything that acted. A named actor's
 * call is always written; anonymous ones are rate-limited.
 */
@Injectable()
export class AccessAudit {
  private readonly log = childLogger('audit');
  private minute = 0;
  private written = 0;
  private dropped = 0;

  constructor(private readonly database: DataSource) {}

  async refused(request: FastifyRequest, actor: string, problem: ProblemError): Promise<void> {
    if (actor === 'anonymous' && !this.admit(Date.now())) return;
    await this.append(request, actor, problem.code);
  }

  async done(request: FastifyRequest, actor: string): Promise<void> {
    await this.append(request, actor, DONE);
  }

  /** Newest first. */
  async list(query: PageQuery): Promise<Page<AuditEntry>> {
    const before = decodeCursor(query.cursor);
    const rows = (await this.database.query(
      `SELECT seq, at, actor, method, path, code, remote_address AS "remoteAddress", previous_hash AS "previousHash", hash
       FROM access_audit WHERE $1::bigint IS NULL OR seq < $1 ORDER BY seq DESC LIMIT $2`,
      [before, query.limit + 1],
    )) as (Omit<AuditEntry, 'seq' | 'at'> & { seq: string; at: Date })[];
    const entries = rows.map((row) => ({ ...row, seq: exactNumber(row.seq), at: row.at.toISOString() }));
    return pageOf(entries, query.limit, (row) => String(row.seq));
  }

  private append(request: FastifyRequest, actor: string, code: string): Promise<void> {
    return this.database.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [CHAIN_LOCK]);
      const [last] = (await manager.query('SELECT seq, hash FROM access_audit ORDER BY seq DESC LIMIT 1')) as {
        seq: string;
        hash: string;
      }[];
      const content = {
        seq: last ? exactNumber(last.seq) + 1 : 1,
        at: new Date().toISOString(),
        actor,
        method: request.method,
        path: request.url.slice(0, 500),
        code,
        remoteAddress: request.socket.remoteAddress ?? '',
      };
      const previousHash = last?.hash ?? GENESIS_HASH;
      const hash = entryHash(sha256Hex, previousHash, canonicalJson(content));
      const { seq, at, method, path, remoteAddress } = content;
      await manager.query(
        `INSERT INTO access_audit (seq, at, actor, method, path, code, remote_address, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [seq, at, actor, method, path, code, remoteAddress, previousHash, hash],
      );
    });
  }

  private admit(nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.minute) {
      if (this.dropped > 0)
        this.log.warn({ dropped: this.dropped }, 'refused anonymous attempts beyond the audit limit');
      this.minute = minute;
      this.written = 0;
      this.dropped = 0;
    }
    if (this.written >= ROWS_PER_MINUTE) {
      this.dropped += 1;
      return false;
    }
    this.written += 1;
    return true;
  }
}

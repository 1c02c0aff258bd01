import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { type PolicySnapshot, policySnapshotSchema } from '#domain/contracts/policy-snapshot';
import type { Signed } from '#domain/contracts/signed';
import { decodeCursor, type Page, type PageQuery, pageOf } from '../cursor-page';
import { exactNumber } from '../database/bigint-number';
import { notFound } from '../problems/problem-error';

/** A published snapshot without its payload. */
export interface SnapshotSummary {
  snapshotId: string;
  version: number;
  cell: string;
  reason: string;
  contentSha256: string;
  publishedAt: string;
}

interface SnapshotRow {
  snapshot_id: string;
  version: string;
  cell: string;
  reason: string;
  content_sha256: string;
  published_at: Date;
  payload: string;
  key_id: string;
  signature: string;
}

/** Parsed snapshots kept in memory: replay asks for the same few again and again. */
const CACHE_SIZE = 8;
const SUMMARY = 'snapshot_id, version, cell, reason, content_sha256, published_at';

/** Published snapshots, immutable, by version and by id. Depends on the database alone, so that the lake may use it. */
@Injectable()
export class SnapshotStore {
  private readonly cache = new Map<string, PolicySnapshot>();

  constructor(private readonly database: DataSource) {}

  /** The newest snapshot of a cell, or null before the first one. */
  async latest(cell: string, manager: EntityManager = this.database.manager): Promise<SnapshotSummary | null> {
    const sql = `SELECT ${SUMMARY} FROM snapshot WHERE cell = $1 ORDER BY version DESC LIMIT 1`;
    const [row] = (await manager.query(sql, [cell])) as SnapshotRow[];
    return row ? toSummary(row) : null;
  }

  /** The signed message of one version as edges get it. @throws ProblemError `not-found`. */
  async signed(version: number): Promise<Signed> {
    const sql = 'SELECT payload, key_id, signature FROM snapshot WHERE version = $1';
    const [row] = (await this.database.query(sql, [version])) as SnapshotRow[];
    if (!row) throw notFound('snapshot version', String(version));
    return { payload: row.payload, keyId: row.key_id, algorithm: 'ed25519', signature: row.signature };
  }

  /** One snapshot by id, parsed; treat it as frozen. @throws ProblemError `not-found`. */
  async snapshot(snapshotId: string): Promise<PolicySnapshot> {
    const cached = this.cache.get(snapshotId);
    if (cached) return cached;
    const sql = 'SELECT payload FROM snapshot WHERE snapshot_id = $1';
    const [row] = (await this.database.query(sql, [snapshotId])) as SnapshotRow[];
    if (!row) throw notFound('snapshot', snapshotId);
    // Read by the schema: snapshots from before a field existed get its default.
    const snapshot = policySnapshotSchema.parse(JSON.parse(row.payload));
    const oldest = this.cache.keys().next().value;
    if (this.cache.size >= CACHE_SIZE && oldest !== undefined) this.cache.delete(oldest);
    this.cache.set(snapshotId, snapshot);
    return snapshot;
  }

  /** Newest first. */
  async list(query: PageQuery): Promise<Page<SnapshotSummary>> {
    const before = decodeCursor(query.cursor);
    const rows = (await this.database.query(
      `SELECT ${SUMMARY} FROM snapshot WHERE $1::bigint IS NULL OR version < $1 ORDER BY version DESC LIMIT $2`,
      [before, query.limit + 1],
    )) as SnapshotRow[];
    return pageOf(rows.map(toSummary), query.limit, (row) => String(row.version));
  }
}

function toSummary(row: SnapshotRow): SnapshotSummary {
  return {
    snapshotId: row.snapshot_id,
    version: exactNumber(row.version),
    cell: row.cell,
    reason: row.reason,
    contentSha256: row.content_sha256,
    publishedAt: row.published_at.toISOString(),
  };
}

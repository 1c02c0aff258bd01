import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { canonicalJson } from '#domain/contracts/canonical-json';
import { type PolicySnapshot, policySnapshotSchema } from '#domain/contracts/policy-snapshot';
import { ControlPlaneConfig } from '../config';
import { childLogger } from '../logger';
import { prefixedId } from '../prefixed-id';
import { ProblemError } from '../problems/problem-error';
import { SnapshotContentReader } from './snapshot-content-reader';
import { SnapshotSigner } from './snapshot-signer';
import { SnapshotStore } from './snapshot-store';

/** Key of the advisory lock that lets one process at a time publish: 'snap' in ASCII. */
const PUBLISH_LOCK = 0x736e6170;

/** Compiles, signs and stores the next snapshot and wakes the edges' long polls, from any process. */
@Injectable()
export class SnapshotPublisher {
  private readonly log = childLogger('snapshots');
  /** Publications of this process one after the other: a waiting one would hold a database connection. */
  private queue: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly database: DataSource,
    private readonly sources: SnapshotContentReader,
    private readonly signer: SnapshotSigner,
    private readonly store: SnapshotStore,
  ) {}

  /**
   * Publishes what the database holds now; the newest snapshot is returned unchanged when it says the same already.
   * @throws ProblemError `not-ready` while the cell is not seeded.
   */
  publish(reason: string): Promise<{ version: number; snapshotId: string }> {
    const next = this.queue.then(() => this.database.transaction((manager) => this.publishUnderLock(manager, reason)));
    // A failed publication is its caller's to handle; the next one in the queue starts all the same.
    this.queue = next.catch(() => undefined);
    return next;
  }

  /** As `publish`, for changes that are complete without edges: null while there is nothing to serve yet. */
  async publishChange(reason: string): Promise<{ version: number; snapshotId: string } | null> {
    try {
      return await this.publish(reason);
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'not-ready') return null;
      throw error;
    }
  }

  /** One snapshot by id. @throws ProblemError `not-found`. */
  snapshot(snapshotId: string): Promise<PolicySnapshot> {
    return this.store.snapshot(snapshotId);
  }

  private async publishUnderLock(
    manager: EntityManager,
    reason: string,
  ): Promise<{ version: number; snapshotId: string }> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [PUBLISH_LOCK]);
    const { fleet, cell } = this.config;
    const nowMs = Date.now();
    const content = await this.sources.read(manager, fleet, cell, nowMs);
    const contentSha256 = createHash('sha256').update(canonicalJson(content)).digest('hex');
    const latest = await this.store.latest(cell, manager);
    if (latest && latest.contentSha256 === contentSha256) return latest;
    const [{ version }] = (await manager.query(
      'SELECT coalesce(max(version), 0)::integer + 1 AS version FROM snapshot',
    )) as [{ version: number }];
    const snapshotId = prefixedId('snp', nowMs);
    const snapshot = policySnapshotSchema.parse({ ...content, snapshotId, version, issuedAtMs: nowMs });
    const signed = this.signer.sign(snapshot);
    await manager.query(
      `INSERT INTO snapshot (version, snapshot_id, fleet, cell, reason, content_sha256, payload, key_id, signature)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [version, snapshotId, fleet, cell, reason, contentSha256, signed.payload, signed.keyId, signed.signature],
    );
    await manager.query(`SELECT pg_notify('snapshot', $1)`, [String(version)]);
    this.log.info({ version, snapshotId, reason, bytes: signed.payload.length }, 'snapshot published');
    return { version, snapshotId };
  }
}

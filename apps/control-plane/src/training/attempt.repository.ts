import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { permanent } from '../../../../activities/permanent-failure';
import type { AttemptFence, AttemptPorts } from '../../../../activities/training-ports';
import { ControlPlaneConfig } from '../config';

/** Attempts older than this left their checkpoint behind: their run is over. */
const KEPT_FOR = '7 days';

/**
 * Fences and checkpoints of training attempts. The row is the fence: every write names its attempt, and one that a newer attempt has
 * replaced changes nothing. The checkpoint itself is a file, ADLOOP_HOME/checkpoints/{sha256}.ckpt; workers on several machines share
 * that folder, or train from the start where they do not.
 */
@Injectable()
export class AttemptRepository implements AttemptPorts {
  private readonly folder: string;

  constructor(
    private readonly database: DataSource,
    config: ControlPlaneConfig,
  ) {
    this.folder = join(config.adloopHome, 'checkpoints');
  }

  /** @throws ApplicationFailure FENCED_ATTEMPT when a newer attempt has claimed the activity. */
  async claim({ key, attempt }: AttemptFence): Promise<{ checkpoint: Uint8Array | null }> {
    await this.prune();
    const rows = await this.database.query<{ checkpoint_sha256: string | null }[]>(
      `INSERT INTO training_attempt (attempt_key, attempt) VALUES ($1, $2)
       ON CONFLICT (attempt_key) DO UPDATE SET attempt = $2, updated_at = now() WHERE training_attempt.attempt <= $2
       RETURNING checkpoint_sha256`,
      [key, attempt],
    );
    if (rows.length === 0) throw fenced(key, attempt);
    const [{ checkpoint_sha256: sha256 }] = rows;
    return { checkpoint: sha256 === null ? null : await this.read(sha256) };
  }

  async keep(fence: AttemptFence, epoch: number, checkpoint: Uint8Array): Promise<void> {
    const sha256 = createHash('sha256').update(checkpoint).digest('hex');
    await this.write(sha256, checkpoint);
    await this.point(fence, sha256, epoch);
  }

  async finish(fence: AttemptFence): Promise<void> {
    await this.point(fence, null, 0);
  }

  /** @throws ApplicationFailure FENCED_ATTEMPT; holds the row until the caller's transaction ends. */
  async assertCurrent({ key, attempt }: AttemptFence, manager: EntityManager): Promise<void> {
    const rows = await manager.query<{ attempt: number }[]>(
      'SELECT attempt FROM training_attempt WHERE attempt_key = $1 FOR SHARE',
      [key],
    );
    if (rows.length > 0 && rows[0].attempt > attempt) throw fenced(key, attempt);
  }

  /** Moves the row's checkpoint and removes the file that it named before. */
  private async point({ key, attempt }: AttemptFence, sha256: string | null, epoch: number): Promise<void> {
    const before = await this.database.transaction(async (manager) => {
      const [row] = await manager.query<{ attempt: number; checkpoint_sha256: string | null }[]>(
        'SELECT attempt, checkpoint_sha256 FROM training_attempt WHERE attempt_key = $1 FOR UPDATE',
        [key],
      );
      if (row?.attempt !== attempt) return undefined;
      await manager.query(
        'UPDATE training_attempt SET checkpoint_sha256 = $2, epoch = $3, updated_at = now() WHERE attempt_key = $1',
        [key, sha256, epoch],
      );
      return row.checkpoint_sha256;
    });
    if (before === undefined) {
      if (sha256 !== null) await this.drop(sha256);
      throw fenced(key, attempt);
    }
    if (before !== null && before !== sha256) await this.drop(before);
  }

  /** Null when the file is gone or is not what was kept: then the training starts anew, to the same end. */
  private async read(sha256: string): Promise<Uint8Array | null> {
    const bytes = await readFile(this.path(sha256)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (bytes === null || createHash('sha256').update(bytes).digest('hex') !== sha256) return null;
    return bytes;
  }

  private async write(sha256: string, bytes: Uint8Array): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const draft = join(this.folder, `.${sha256}.${randomUUID()}`);
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path(sha256));
  }

  private async prune(): Promise<void> {
    const old = await this.database.query<[{ checkpoint_sha256: string | null }[], number]>(
      `DELETE FROM training_attempt WHERE updated_at < now() - $1::interval RETURNING checkpoint_sha256`,
      [KEPT_FOR],
    );
    for (const { checkpoint_sha256: sha256 } of old[0]) if (sha256 !== null) await this.drop(sha256);
  }

  private drop(sha256: string): Promise<void> {
    return rm(this.path(sha256), { force: true });
  }

  private path(sha256: string): string {
    return join(this.folder, `${sha256}.ckpt`);
  }
}

const fenced = (key: string, attempt: number) =>
  permanent('FENCED_ATTEMPT', `attempt ${attempt} of ${key} was replaced by a newer one`);

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { ControlPlaneConfig } from '../config';

/** Artifacts by content: ADLOOP_HOME/artifacts/{sha256}.onnx. Written once, whole, never changed. */
@Injectable()
export class ArtifactStore {
  private readonly folder: string;

  constructor(config: ControlPlaneConfig) {
    this.folder = join(config.adloopHome, 'artifacts');
  }

  /** Stores `bytes` durably and answers their sha256; storing them again changes nothing. */
  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (await this.has(sha256)) return sha256;
    await mkdir(this.folder, { recursive: true });
    const draft = join(this.folder, `.${sha256}.${randomUUID()}`);
    const file = await open(draft, 'w', 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path(sha256));
    return sha256;
  }

  /**
   * The bytes of an artifact, proven to be those that the name says.
   * @throws when there is no such artifact or its bytes have changed on disk.
   */
  async get(sha256: string): Promise<Buffer> {
    const bytes = await readFile(this.path(sha256));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== sha256) throw new Error(`artifact ${sha256} was altered on disk: its bytes hash to ${found}`);
    return bytes;
  }

  async has(sha256: string): Promise<boolean> {
    return stat(this.path(sha256)).then(
      () => true,
      () => false,
    );
  }

  /** Whether the stored bytes are still those that the name says. @throws when there are none. */
  async isWhole(sha256: string): Promise<boolean> {
    const bytes = await readFile(this.path(sha256));
    return createHash('sha256').update(bytes).digest('hex') === sha256;
  }

  private path(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError('an artifact is named by 64 hex digits');
    return join(this.folder, `${sha256}.onnx`);
  }
}

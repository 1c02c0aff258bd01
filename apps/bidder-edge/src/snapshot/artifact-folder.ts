import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { readFile, readdir, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Model files by content hash, `{sha256}.onnx`. What is read is hashed again: a file that changed does not exist. */
export class ArtifactFolder {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  async get(sha256: string): Promise<Buffer | null> {
    const bytes = await readFile(this.pathOf(sha256)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return bytes !== null && sha256Of(bytes) === sha256 ? bytes : null;
  }

  /** Writes beside and renames, so that no half file carries a good name. */
  async put(sha256: string, bytes: Uint8Array): Promise<void> {
    const file = this.pathOf(sha256);
    await writeFile(`${file}.tmp`, bytes, { flush: true });
    await rename(`${file}.tmp`, file);
  }

  /** Removes artifacts that no snapshot on disk needs. */
  async keepOnly(needed: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.folder)) {
      if (!needed.has(name.replace(/\.onnx$/, ''))) await unlink(path.join(this.folder, name));
    }
  }

  private pathOf(sha256: string): string {
    return path.join(this.folder, `${sha256}.onnx`);
  }
}

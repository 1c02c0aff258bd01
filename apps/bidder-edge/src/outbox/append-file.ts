import { open, type FileHandle } from 'node:fs/promises';

/** One append-only file. A write that fails half way is cut back, so that the file holds whole frames only. */
export class AppendFile {
  private handle: FileHandle | null = null;
  /** Bytes known to be written whole. */
  bytes = 0;

  constructor(readonly path: string) {}

  /**
   * Writes whole frames and waits until the disk has them (fdatasync). The caller leaves `frames` alone until then.
   * @throws the system's error (ENOSPC, EIO); the file is then cut back to `bytes`.
   */
  async append(frames: Uint8Array): Promise<void> {
    this.handle ??= await open(this.path, 'a');
    try {
      for (let at = 0; at < frames.length;) {
        const { bytesWritten } = await this.handle.write(frames, at);
        at += bytesWritten;
      }
      await this.handle.datasync();
    } catch (error) {
      await this.cutBack();
      throw error;
    }
    this.bytes += frames.length;
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = null;
  }

  /** A cut that fails too leaves a torn tail, which the next reader truncates; the original error says why. */
  private async cutBack(): Promise<void> {
    await this.handle?.truncate(this.bytes).catch(() => undefined);
  }
}

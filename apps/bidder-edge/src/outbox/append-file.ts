import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { encodeFrame } from '#domain/contracts';

/** Frame of one JSON text, ready to append (domain/contracts/segment.ts). */
export const frameOf = (json: string): Uint8Array => encodeFrame(Buffer.from(json), crc32);

/** One append-only file. A write that fails half way is cut back, so that the file holds whole frames only. */
export class AppendFile {
  private handle: FileHandle | null = null;
  /** Bytes known to be written whole. */
  bytes = 0;

  constructor(readonly path: string) {}

  /**
   * Writes all frames and waits until the disk has them (fdatasync).
   * @throws the system's error (ENOSPC, EIO); the file is then cut back to `bytes`.
   */
  async append(frames: readonly Uint8Array[]): Promise<void> {
    this.handle ??= await open(this.path, 'a');
    const length = frames.reduce((sum, frame) => sum + frame.length, 0);
    try {
      let chunk: Uint8Array = frames.length === 1 ? frames[0] : Buffer.concat(frames, length);
      while (chunk.length > 0) {
        const { bytesWritten } = await this.handle.write(chunk);
        chunk = chunk.subarray(bytesWritten);
      }
      await this.handle.datasync();
    } catch (error) {
      await this.cutBack();
      throw error;
    }
    this.bytes += length;
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

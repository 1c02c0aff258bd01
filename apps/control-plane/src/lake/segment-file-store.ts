import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { eventText } from '#domain/contracts';
import { ControlPlaneConfig } from '../config';

/** Raw segments as the edges shipped them, under ADLOOP_HOME/lake/segments. Written once, never changed. */
@Injectable()
export class SegmentFileStore {
  readonly root: string;

  constructor(config: ControlPlaneConfig) {
    this.root = join(config.adloopHome, 'lake');
  }

  /**
   * Stores a segment durably (file and folder are on disk when this resolves) and answers its path below the lake. The name
   * carries the content's hash, so that a foreign segment under a known id never replaces the first one's bytes.
   */
  async write(edgeId: string, segmentId: string, sha256: string, bytes: Uint8Array): Promise<string> {
    const path = join('segments', edgeId, `${segmentId}-${sha256.slice(0, 16)}.seg`);
    const target = join(this.root, path);
    await mkdir(dirname(target), { recursive: true });
    const draft = `${target}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`;
    try {
      const file = await open(draft, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    const folder = await open(dirname(target), 'r');
    await folder.sync().finally(() => folder.close());
    return path;
  }

  read(path: string): Promise<Buffer> {
    return readFile(join(this.root, path));
  }

  /** One event's JSON text, by its place in the file. */
  async readBodies(path: string, places: { bodyAt: number; bodyBytes: number }[]): Promise<string[]> {
    const file = await open(join(this.root, path), 'r');
    try {
      const texts: string[] = [];
      for (const { bodyAt, bodyBytes } of places) {
        const body = Buffer.alloc(bodyBytes);
        const { bytesRead } = await file.read(body, 0, bodyBytes, bodyAt);
        if (bytesRead !== bodyBytes) throw new Error(`segment ${path} ends before byte ${bodyAt + bodyBytes}`);
        texts.push(eventText(body));
      }
      return texts;
    } finally {
      await file.close();
    }
  }
}

import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { AppendFile } from './append-file';

export interface SegmentLimits {
  sealAfterMs: number;
  sealAfterBytes: number;
  maxBytes: number;
}

/** A sealed segment waiting to be shipped. */
export interface SealedSegment {
  segmentId: string;
  bytes: number;
}

/** Makes a rename durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Folders of one outbox: `open/` holds the segment being written, `sealed/` what waits for the shipper. */
export const segmentFolders = (home: string): { open: string; sealed: string; refused: string } => {
  const root = path.join(home, 'outbox');
  const folders = {
    open: path.join(root, 'open'),
    sealed: path.join(root, 'sealed'),
    refused: path.join(root, 'refused'),
  };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  return folders;
};

/** Segment files of one boot, `{bootId}-{000001}`, sealed by age or size, oldest first. Used by one commit loop only. */
export class SegmentStore {
  private readonly folders;
  private current: { file: AppendFile; segmentId: string; openedAtMs: number } | null = null;
  private sequence = 0;
  private readonly sealedQueue: SealedSegment[] = [];
  private sealedBytes = 0;

  constructor(
    home: string,
    private readonly bootId: string,
    private readonly limits: SegmentLimits,
    private readonly now: () => number,
  ) {
    this.folders = segmentFolders(home);
    const names = readdirSync(this.folders.sealed).filter((name) => name.endsWith('.seg'));
    const aged = names.map((name) => ({ name, stat: statSync(path.join(this.folders.sealed, name)) }));
    aged.sort((a, b) => a.stat.mtimeMs - b.stat.mtimeMs || (a.name < b.name ? -1 : 1));
    for (const { name, stat } of aged) this.enqueue({ segmentId: name.slice(0, -4), bytes: stat.size });
  }

  /** Bytes on disk that nobody has collected yet. */
  get bytes(): number {
    return this.sealedBytes + (this.current?.file.bytes ?? 0);
  }

  /** Share of the bound in use, 0..1 and above. */
  get fill(): number {
    return this.bytes / this.limits.maxBytes;
  }

  get waiting(): number {
    return this.sealedQueue.length;
  }

  /** Appends durably to the open segment, and seals it when it is old or long enough. Throws the system's error. */
  async append(frames: Uint8Array): Promise<void> {
    if (this.current === null) {
      const segmentId = `${this.bootId}-${String(++this.sequence).padStart(6, '0')}`;
      const file = new AppendFile(path.join(this.folders.open, `${segmentId}.seg`));
      this.current = { file, segmentId, openedAtMs: this.now() };
    }
    await this.current.file.append(frames);
    if (this.current.file.bytes >= this.limits.sealAfterBytes) await this.seal();
  }

  /** Whether the open segment is old enough to be sealed. */
  get isDue(): boolean {
    return this.current !== null && this.now() - this.current.openedAtMs >= this.limits.sealAfterMs;
  }

  /** Closes the open segment and hands it to the shipper. */
  async seal(): Promise<void> {
    const current = this.current;
    if (current === null) return;
    this.current = null;
    await current.file.close();
    const from = path.join(this.folders.open, `${current.segmentId}.seg`);
    if (current.file.bytes === 0) return void (await unlink(from).catch(() => undefined));
    await rename(from, path.join(this.folders.sealed, `${current.segmentId}.seg`));
    await syncFolder(this.folders.sealed);
    this.enqueue({ segmentId: current.segmentId, bytes: current.file.bytes });
  }

  oldest(): SealedSegment | null {
    return this.sealedQueue[0] ?? null;
  }

  read(segment: SealedSegment): Promise<Buffer> {
    return readFile(path.join(this.folders.sealed, `${segment.segmentId}.seg`));
  }

  /** Forgets a segment that somebody else holds now, or that nobody collects. */
  async drop(segment: SealedSegment): Promise<void> {
    await unlink(path.join(this.folders.sealed, `${segment.segmentId}.seg`)).catch(ignoreMissing);
    this.dequeue(segment);
  }

  /** Puts a segment aside that the control plane refuses, so that it blocks nobody and can be looked at. */
  async setAside(segment: SealedSegment): Promise<void> {
    const name = `${segment.segmentId}.seg`;
    await rename(path.join(this.folders.sealed, name), path.join(this.folders.refused, name)).catch(ignoreMissing);
    this.dequeue(segment);
  }

  private enqueue(segment: SealedSegment): void {
    this.sealedQueue.push(segment);
    this.sealedBytes += segment.bytes;
  }

  private dequeue(segment: SealedSegment): void {
    const at = this.sealedQueue.findIndex((candidate) => candidate.segmentId === segment.segmentId);
    if (at < 0) return;
    const [gone] = this.sealedQueue.splice(at, 1);
    this.sealedBytes -= gone.bytes;
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { NoticeKind } from '#domain/contracts';

/** One notice that an edge has answered with 2xx or 302: from then on it must not be lost. */
export interface Acknowledgement {
  kind: NoticeKind;
  bidId: string;
  atMs: number;
  status: number;
}

const FLUSH_MS = 100;

/** The simulator's own list of acknowledged notices, one JSON object a line, appended in groups. */
export class AckLog {
  private readonly fd: number;
  private readonly timer: NodeJS.Timeout;
  private waiting: string[] = [];

  constructor(file: string) {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    this.fd = openSync(file, 'a');
    this.timer = setInterval(() => this.flush(), FLUSH_MS);
    this.timer.unref();
  }

  append({ kind, bidId, atMs, status }: Acknowledgement): void {
    this.waiting.push(JSON.stringify({ kind, bidId, atMs, status }));
  }

  flush(): void {
    if (this.waiting.length === 0) return;
    writeSync(this.fd, `${this.waiting.join('\n')}\n`);
    this.waiting = [];
  }

  close(): void {
    clearInterval(this.timer);
    this.flush();
    fsyncSync(this.fd);
    closeSync(this.fd);
  }
}

import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** A notice that the edge has acknowledged, and therefore may never lose. */
export interface Acknowledgement {
  kind: 'win' | 'bill' | 'loss' | 'click' | 'conversion';
  bidId: string;
  atMs: number;
  status: number;
}

/** Appends acknowledgements as JSON lines; written in small groups, flushed on close. */
export class AcknowledgementLog {
  private lines: string[] = [];
  private readonly timer: NodeJS.Timeout | null;

  constructor(private readonly file: string | null) {
    if (file !== null) mkdirSync(dirname(file), { recursive: true });
    this.timer = file === null ? null : setInterval(() => this.flush(), 250);
  }

  add(acknowledgement: Acknowledgement): void {
    if (this.file !== null) this.lines.push(JSON.stringify(acknowledgement));
  }

  flush(): void {
    if (this.file === null || this.lines.length === 0) return;
    appendFileSync(this.file, `${this.lines.join('\n')}\n`);
    this.lines = [];
  }

  close(): void {
    if (this.timer) clearInterval(this.timer);
    this.flush();
  }
}

import { readFile } from 'node:fs/promises';
import { parseKeyFile } from '#domain/contracts';
import type { NoticeSigner } from './token';

const READ_EVERY_MS = 1000;

/** What a look at the key file led to, where it led to anything. */
export type KeyVerdict = 'taken' | 'unusable';

/**
 * Reads the key file of notices every second and hands what is new to the signer, so that keys are rotated while the edge serves.
 * A file that is absent, half written or no key file changes nothing.
 */
export class KeyWatch {
  private timer: NodeJS.Timeout | null = null;
  private isReading = false;
  private lastText: string | null = null;

  constructor(
    private readonly file: string,
    private readonly signer: NoticeSigner,
    private readonly onVerdict: (verdict: KeyVerdict) => void,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), READ_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** One look. */
  async look(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    // Absent for a moment while somebody replaces it, or for good: the keys in hand go on.
    const text = await readFile(this.file, 'utf8').catch(() => null);
    this.isReading = false;
    if (text === null || text === this.lastText) return;
    this.lastText = text;
    const keys = parseKeyFile(text);
    if (keys === null) return this.onVerdict('unusable');
    if (this.signer.use(keys.map((key) => Buffer.from(key, 'hex')))) this.onVerdict('taken');
  }
}

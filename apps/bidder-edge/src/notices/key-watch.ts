import { readFile } from 'node:fs/promises';
import { parseKeyFile } from '#domain/contracts';
import { WatchedText } from '../watched-text';
import type { NoticeSigner } from './token';

/** What a look at the key file led to, where it led to anything. */
export type KeyVerdict = 'taken' | 'unusable';

/**
 * Hands what is new in the key file of notices to the signer, so that keys are rotated while the edge serves. A file that is
 * absent, half written or no key file changes nothing.
 */
export class KeyWatch {
  private readonly text: WatchedText;

  constructor(
    file: string,
    private readonly signer: NoticeSigner,
    private readonly onVerdict: (verdict: KeyVerdict) => void,
  ) {
    this.text = new WatchedText({
      // Absent or unreadable for a moment while somebody replaces it, or for good: the keys in hand go on.
      read: () => readFile(file, 'utf8').catch(() => null),
      onText: (text) => this.take(text),
      onFault: () => this.onVerdict('unusable'),
    });
  }

  start(): void {
    this.text.start();
  }

  stop(): void {
    this.text.stop();
  }

  private take(text: string): void {
    const keys = parseKeyFile(text);
    if (keys === null) return this.onVerdict('unusable');
    if (this.signer.use(keys.map((key) => Buffer.from(key, 'hex')))) this.onVerdict('taken');
  }
}

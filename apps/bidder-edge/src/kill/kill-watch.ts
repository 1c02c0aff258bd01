import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { KillOrders, KillState, KillVerdict } from './kill-orders';

const READ_EVERY_MS = 1000;
const MAX_BYTES = 65_536;

/** Orders in force as the last process knew them. */
export function readKillState(home: string): KillState {
  const file = path.join(home, 'state', 'kill.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KillState) : { seq: 0, orders: [] };
}

async function writeKillState(home: string, state: KillState): Promise<void> {
  const file = path.join(home, 'state', 'kill.json');
  mkdirSync(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, JSON.stringify(state), { flush: true });
  await rename(`${file}.tmp`, file);
}

/** Reads the kill file every second. An absent file changes nothing. */
export class KillWatch {
  private timer: NodeJS.Timeout | null = null;
  private isReading = false;
  private lastText: string | null = null;

  constructor(
    private readonly source: string,
    private readonly home: string,
    private readonly orders: KillOrders,
    private readonly onVerdict: (verdict: KillVerdict) => void,
    private readonly onFault: (error: unknown) => void,
  ) {}

  async start(): Promise<void> {
    await this.tick();
    this.timer = setInterval(() => void this.tick(), READ_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  private async tick(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    try {
      const text = await this.read();
      if (text === null || text === this.lastText || text.length > MAX_BYTES) return;
      this.lastText = text;
      const verdict = this.orders.read(text);
      if (verdict === 'accepted') await writeKillState(this.home, this.orders.current);
      if (verdict !== 'unchanged') this.onVerdict(verdict);
    } catch (error) {
      this.onFault(error);
    } finally {
      this.isReading = false;
    }
  }

  private async read(): Promise<string | null> {
    if (/^https?:/.test(this.source)) {
      const response = await fetch(this.source, { signal: AbortSignal.timeout(READ_EVERY_MS) });
      return response.ok ? response.text() : null;
    }
    return readFile(this.source, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
  }
}

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { WatchedText } from '../watched-text';
import type { KillOrders, KillState, KillVerdict } from './kill-orders';

const TIMEOUT_MS = 1000;
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
  private readonly text: WatchedText;

  constructor(
    source: string,
    private readonly home: string,
    private readonly orders: KillOrders,
    private readonly onVerdict: (verdict: KillVerdict) => void,
    onFault: (error: unknown) => void,
  ) {
    this.text = new WatchedText({ read: () => read(source), onText: (text) => this.obey(text), onFault });
  }

  /** Orders in force are known when this resolves. */
  async start(): Promise<void> {
    await this.text.look();
    this.text.start();
  }

  stop(): void {
    this.text.stop();
  }

  private async obey(text: string): Promise<void> {
    const verdict = this.orders.read(text);
    if (verdict === 'accepted') await writeKillState(this.home, this.orders.current);
    if (verdict !== 'unchanged') this.onVerdict(verdict);
  }
}

async function read(source: string): Promise<string | null> {
  const text = /^https?:/.test(source) ? await fetched(source) : await fromFile(source);
  return text === null || text.length > MAX_BYTES ? null : text;
}

async function fetched(url: string): Promise<string | null> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return response.ok ? response.text() : null;
}

const fromFile = (file: string): Promise<string | null> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });

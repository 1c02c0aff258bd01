import { Connection } from '@temporalio/client';
import type { Supervisor } from './processes';

/** Types as the CLI spells them. */
export type SearchAttributeType = 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList';

export interface TemporalOptions {
  binary: string;
  port: number;
  /** null: no web UI. */
  uiPort: number | null;
  /** null: in memory. */
  databaseFile: string | null;
  namespace: string;
  searchAttributes: Record<string, SearchAttributeType>;
  env: NodeJS.ProcessEnv;
}

const INDEXED_VALUE_TYPE: Record<SearchAttributeType, number> = {
  Text: 1,
  Keyword: 2,
  Int: 3,
  Double: 4,
  Bool: 5,
  Datetime: 6,
  KeywordList: 7,
};

async function serves(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: '1s' });
    await connection.close();
    return true;
  } catch {
    return false; // Not yet: the caller polls.
  }
}

/**
 * Registers the search attributes that are missing. A workflow that sets an unregistered one fails its task for ever, so
 * this comes before any worker.
 */
export async function registerSearchAttributes(
  address: string,
  namespace: string,
  wanted: Record<string, SearchAttributeType>,
): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = Object.entries(wanted).filter(([name]) => customAttributes?.[name] === undefined);
    if (missing.length === 0) return;
    const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } finally {
    await connection.close();
  }
}

/** Starts the CLI's development server on loopback and registers the search attributes. Returns its address. */
export async function startTemporal(supervisor: Supervisor, options: TemporalOptions): Promise<string> {
  const address = `127.0.0.1:${options.port}`;
  const ui =
    options.uiPort === null ? ['--headless'] : ['--ui-port', String(options.uiPort), '--ui-disable-news-fetch'];
  const database = options.databaseFile === null ? [] : ['--db-filename', options.databaseFile];
  const attributes = Object.entries(options.searchAttributes).flatMap(([k, v]) => ['--search-attribute', `${k}=${v}`]);
  await supervisor.start({
    name: 'temporal',
    command: options.binary,
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.port), '--log-level', 'warn'],
      ...['--namespace', options.namespace, ...ui, ...database, ...attributes],
    ],
    env: options.env,
    ready: () => serves(address),
    readyWithinMs: 30_000,
  });
  await registerSearchAttributes(address, options.namespace, options.searchAttributes);
  return address;
}

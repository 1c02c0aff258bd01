import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporal } from '@temporalio/proto';

const { History } = temporal.api.history.v1;
type IHistory = temporal.api.history.v1.IHistory;

/** Where recorded histories live; a file is named `{workflow}.{how it ended}.json`. */
export const HISTORIES = join(__dirname, 'histories');

/** Writes a history that is not there yet as JSON: enums by name, bytes as base64, 64-bit integers as text. */
export function writeHistory(name: string, history: IHistory): void {
  const file = join(HISTORIES, `${name}.json`);
  // A history that was released is replayed for ever as it is.
  if (existsSync(file)) return;
  const plain = History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String });
  // Process, host and folders of the recording say nothing about the workflow.
  const neutral: Record<string, string> = { identity: 'recorder', stackTrace: '' };
  const json = JSON.stringify(plain, (key, value: unknown) => neutral[key] ?? value);
  writeFileSync(file, `${json}\n`);
}

/** Reads one back, as the replayer takes it. */
export function readHistory(file: string): temporal.api.history.v1.History {
  return History.fromObject(JSON.parse(readFileSync(join(HISTORIES, file), 'utf8')) as { [name: string]: unknown });
}

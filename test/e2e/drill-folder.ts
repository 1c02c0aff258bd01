import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A fresh folder for a drill's homes, open to the uid that runs Postgres when we are root. */
export function drillFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'adloop-e2e-'));
  chmodSync(folder, 0o755);
  return folder;
}

/** Removes the folder of a drill that passed; one that did not is kept and named. */
export function tidy(folder: string, faults: readonly string[] | undefined): void {
  if (faults?.length === 0) rmSync(folder, { recursive: true, force: true });
  else process.stderr.write(`kept ${folder}\n`);
}

/** The last line of a program's output as JSON. */
export const lastJson = (output: string): unknown => JSON.parse(output.trimEnd().split('\n').at(-1)!);

import { removeHomes } from '../../scripts/setup';

/** Removes the folder of a drill that passed; one that did not is kept and named. */
export function tidy(folder: string, faults: readonly string[] | undefined): void {
  if (faults?.length === 0) removeHomes(folder);
  else process.stderr.write(`kept ${folder}\n`);
}

/** The last line of a program's output as JSON. */
export const lastJson = (output: string): unknown => JSON.parse(output.trimEnd().split('\n').at(-1)!);

import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = process.env['ADLOOP_DATA'] ?? join(__dirname, '..', '..', '..', 'shared', 'data');

/** Path inside the data folder, read in place (never copied into the repository). */
export const dataPath = (...parts: string[]): string => join(ROOT, ...parts);

/**
 * `describe` when the data is there; else a skipped suite that says so. With ADLOOP_REQUIRE_DATA=1 (set by CI) missing data
 * is a failure.
 */
export function describeWith(data: string, name: string, suite: () => void): void {
  if (existsSync(data)) return describe(name, suite);
  if (process.env['ADLOOP_REQUIRE_DATA'] === '1')
    return describe(name, () => {
      it('has its data', () => {
        throw new Error(`no data at ${data}: set ADLOOP_DATA`);
      });
    });
  // Straight to stderr: Jest drops the console of a suite whose tests are all skipped.
  process.stderr.write(`skipped: ${name}: no data at ${data} (set ADLOOP_DATA)\n`);
  // Not `describe.skip(name, suite)`: that would still run the suite's body, which reads the data.
  return describe(name, () => it.skip('needs its data', () => undefined));
}

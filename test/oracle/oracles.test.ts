import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate } from '../../scripts/evaluate';
import type { OracleDocument } from '../../scripts/evaluate/oracle-document';
import { dataPath, describeWith } from './oracle-data';

const REAL = dataPath('oracles', 'math.json');
/** Same format, other numbers: scipy 1.17.1 (KS) and 40-digit arithmetic (the others), by seeds of their own. */
const OTHER = join(__dirname, 'other-numbers.json');

type Oracle = Record<string, Record<string, unknown>[]>;
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Oracle;

function run(file: string, ...more: string[]) {
  const result = { exit: 0, out: '', error: '' };
  result.exit = evaluate(['node', 'evaluate', 'oracles', file, ...more], {
    out: (text) => (result.out += text),
    error: (text) => (result.error += text),
  });
  return result;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'adloop-oracles-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A changed copy of the other numbers. */
function changed(change: (oracle: Oracle) => void): string {
  const oracle = read(OTHER);
  change(oracle);
  const file = join(folder, 'changed.json');
  writeFileSync(file, JSON.stringify(oracle));
  return file;
}

/** Every place of an expected number in the groups that are used: [group, case, field, index or null]. */
const RESULTS: Record<string, string[]> = {
  srm_chi2: ['chi2', 'p'],
  ks_2samp: ['D', 'p'],
  sequential_gbstats: ['expected', 'ci', 'p'],
};

describe('evaluate oracles', () => {
  it('agrees with other numbers of the same format and shows both', () => {
    const { exit, out, error } = run(OTHER, '--json');
    expect({ exit, error }).toEqual({ exit: 0, error: '' });
    const document = JSON.parse(out) as OracleDocument;
    expect(Object.keys(document.groups)).toEqual(Object.keys(RESULTS));
    for (const group of Object.values(document.groups)) {
      expect(group.maxRelativeError).toBeLessThanOrEqual(1e-9);
      expect(group.cases).toHaveLength(group.n);
    }
    expect(document.groups.ks_2samp!.cases[1]!.computed).toEqual({ D: expect.any(Number), p: expect.any(Number) });
    expect(document.skipped).toEqual(['welch_t']);
    expect(run(OTHER).out).toContain('skipped, not used by the product: welch_t');
  });

  it('ends with 1 when any expected number is altered by 1e-6', () => {
    const oracle = read(OTHER);
    let altered = 0;
    for (const [group, fields] of Object.entries(RESULTS)) {
      oracle[group]!.forEach((_, index) => {
        for (const field of fields) {
          const file = changed((copy) => {
            const given = copy[group]![index]!;
            const shift = (value: number) => (value === 0 ? 1e-6 : value * (1 + 1e-6));
            const value = given[field] as number | number[];
            given[field] = Array.isArray(value) ? [value[0], shift(value[1]!)] : shift(value);
          });
          const { exit, out } = run(file, '--json');
          expect({ group, index, field, exit }).toEqual({ group, index, field, exit: 1 });
          const document = JSON.parse(out) as OracleDocument;
          expect(document.passed).toBe(false);
          expect(document.groups[group]!.maxRelativeError).toBeGreaterThan(1e-7);
          altered += 1;
        }
      });
    }
    expect(altered).toBe(4 * 2 + 7 * 2 + 5 * 3);
    expect(run(changed((copy) => (copy.srm_chi2![0]!.p = 0.5))).out).toContain('DIFFER');
  });

  it('takes files with some of the groups, and says which are not there', () => {
    const { exit, out } = run(
      changed((copy) => delete copy.ks_2samp),
      '--json',
    );
    expect(exit).toBe(0);
    expect((JSON.parse(out) as OracleDocument).missing).toEqual(['ks_2samp']);
  });

  it.each([
    ['no JSON', '{"srm_chi2":', 2, 'NOT_AN_ORACLE'],
    ['a list', '[]', 2, 'NOT_AN_ORACLE'],
    ['no group that is used', '{"welch_t": []}', 2, 'NOT_AN_ORACLE'],
    ['an empty group', '{"srm_chi2": []}', 2, '/srm_chi2 is not a list of cases'],
    ['a case that is no object', '{"srm_chi2": [7]}', 2, '/srm_chi2/0 is not an object'],
    ['a missing result', '{"srm_chi2": [{"counts":[1,2],"weights":[1,1],"chi2":1}]}', 2, '/srm_chi2/0/p is missing'],
    ['a text for a number', '{"ks_2samp": [{"a":[1,"2"],"b":[1],"D":0,"p":1}]}', 2, '/ks_2samp/0/a/1 is "2"'],
    [
      'too few shares',
      '{"srm_chi2": [{"counts":[1,2],"weights":[1],"chi2":1,"p":1}]}',
      2,
      '/srm_chi2/0/weights must be',
    ],
    ['a share of 0', '{"srm_chi2": [{"counts":[1,2],"weights":[1,0],"chi2":1,"p":1}]}', 2, 'shares must be > 0'],
    [
      'a certain outcome',
      '{"sequential_gbstats": [{"x1":0,"n1":5,"x2":5,"n2":5,"tuning_n":9,"alpha":0.05,"expected":1,"ci":[0,1],"p":1}]}',
      2,
      'cannot be computed',
    ],
  ])('refuses %s by name and place', (_name, text, exit, message) => {
    const file = join(folder, 'bad.json');
    writeFileSync(file, text);
    const result = run(file, '--json');
    expect(result.exit).toBe(exit);
    expect(result.error).toContain(message);
    expect(JSON.parse(result.out)).toMatchObject({ exit_code: exit });
  });

  it('says what is wrong with the path', () => {
    expect(run(join(folder, 'none.json'))).toMatchObject({ exit: 3 });
    expect(run(folder)).toMatchObject({ exit: 2 });
    expect(run(folder).error).toContain('FILE_UNREADABLE');
  });
});

describeWith(REAL, 'evaluate oracles on math.json', () => {
  it('agrees to 1e-9 in every group that the product uses', () => {
    const { exit, out } = run(REAL, '--json');
    const document = JSON.parse(out) as OracleDocument;
    expect(exit).toBe(0);
    expect(Object.values(document.groups).map((group) => group.n)).toEqual([8, 3, 8]);
    expect(document.skipped).toContain('logistic');
  });
});

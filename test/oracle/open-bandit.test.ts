import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { evaluate } from '../../scripts/evaluate';
import type { EvaluationDocument } from '../../scripts/evaluate/evaluation-document';
import { dataPath, describeWith } from './oracle-data';

const DATA = dataPath('open-bandit');
const NAMES = ['ipw', 'snipw', 'dm', 'dr', 'sndr'] as const;

interface Golden {
  directions: Record<
    string,
    {
      importance_weights: Record<string, number>;
      q_smoothed: Record<string, number>;
      bootstrap95_q_logistic: Record<string, Record<string, number>>;
    }
  >;
}

interface Run {
  exit: number;
  out: string;
  error: string;
}

/** Runs the program in process. */
function run(dir: string, campaign: string, from: string, to: string, ...more: string[]): Run {
  const result: Run = { exit: 0, out: '', error: '' };
  const argv = ['open-bandit', '--data', dir, '--campaign', campaign, '--from', from, '--to', to, '--resamples', '50'];
  result.exit = evaluate(['node', 'evaluate', ...argv, ...more], {
    out: (text) => (result.out += text),
    error: (text) => (result.error += text),
  });
  return result;
}

function documentOf(...args: Parameters<typeof run>): EvaluationDocument {
  const { exit, out, error } = run(...args, '--json');
  expect(error).toBe('');
  expect(exit).toBe(0);
  return JSON.parse(out) as EvaluationDocument;
}

const close = (actual: number, golden: number) =>
  expect(Math.abs(actual - golden)).toBeLessThanOrEqual(1e-9 * Math.max(1e-3, Math.abs(golden)));

function expectGolden(document: EvaluationDocument, golden: Golden['directions'][string]): void {
  for (const name of NAMES) close(document.estimates[name], golden.q_smoothed[name]!);
  for (const name of ['mean', 'max', 'min', 'ess'] as const)
    close(document.importance_weights[name], golden.importance_weights[name]!);
}

describeWith(DATA, 'evaluate open-bandit on real logs', () => {
  const golden = JSON.parse(readFileSync(join(DATA, 'golden_women.json'), 'utf8')) as Golden;
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'adloop-open-bandit-'));
    for (const file of readdirSync(DATA)) {
      if (/^(golden|rows)_/.test(file)) continue;
      // Read-only originals must become writable copies.
      writeFileSync(join(folder, file), readFileSync(join(DATA, file)));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const linesOf = (file: string) =>
    gunzipSync(readFileSync(join(DATA, file)))
      .toString()
      .trimEnd()
      .split('\n');
  /** A copy of the folder in which one file is replaced. */
  function changed(file: string, lines: string[]): string {
    const copy = mkdtempSync(join(tmpdir(), 'adloop-open-bandit-'));
    cpSync(folder, copy, { recursive: true });
    const text = lines.join('\n') + '\n';
    writeFileSync(join(copy, file), file.endsWith('.gz') ? gzipSync(text) : text);
    return copy;
  }
  const using = <T>(dir: string, use: (dir: string) => T): T => {
    try {
      return use(dir);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };

  it.each(['random->bts', 'random->random', 'bts->bts'])('equals the golden numbers of %s', (direction) => {
    const [from, to] = direction.split('->') as [string, string];
    expectGolden(documentOf(DATA, 'women', from, to), golden.directions[direction]!);
  });

  it('equals them from a copy without golden numbers and row files', () => {
    expectGolden(documentOf(folder, 'women', 'random', 'bts'), golden.directions['random->bts']!);
  });

  it('has bootstrap intervals near those of the oracle (other resamples, for DM another model)', () => {
    const document = documentOf(DATA, 'women', 'random', 'bts', '--resamples', '400');
    for (const name of ['ipw', 'snipw'] as const) {
      const theirs = golden.directions['random->bts']!.bootstrap95_q_logistic[name]!;
      const [lower, upper] = [theirs['95.0% CI (lower)']!, theirs['95.0% CI (upper)']!];
      expect(Math.abs(document.intervals[name].lower - lower)).toBeLessThan(0.2 * (upper - lower));
      expect(Math.abs(document.intervals[name].upper - upper)).toBeLessThan(0.2 * (upper - lower));
    }
    expect(documentOf(DATA, 'women', 'random', 'bts', '--resamples', '400')).toEqual(document);
  });

  it('equals a separate few-line computation on the first 5,000 rows', () => {
    const lines = linesOf('women_random.csv.gz').slice(0, 5001);
    const rows = lines
      .slice(1)
      .map((line) => line.split(',').slice(2, 6).map(Number) as [number, number, number, number]);
    const pi = readFileSync(join(DATA, 'bts_action_dist_women.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((l) => l.split(',').map(Number));
    const count = (a: number, pos: number, click: number) =>
      rows.filter((r) => r[0] === a && r[1] === pos && r[2] >= click).length;
    const q = pi.map(([a]) => [0, 1, 2, 3].map((pos) => (count(a!, pos, 1) + 1) / (count(a!, pos, 0) + 200)));
    const v = [0, 1, 2, 3].map((pos) => pi.reduce((sum, row, a) => sum + (pos ? row[pos]! : 0) * q[a]![pos]!, 0));
    const mean = (f: (row: (typeof rows)[number]) => number) =>
      rows.reduce((sum, row) => sum + f(row), 0) / rows.length;
    const w = ([a, pos, , propensity]: (typeof rows)[number]) => pi[a]![pos]! / propensity;
    const ipw = mean((r) => w(r) * r[2]);
    const dm = mean((r) => v[r[1]]!);
    const rest = mean((r) => w(r) * (r[2] - q[r[0]]![r[1]]!));
    const expected = { ipw, snipw: ipw / mean(w), dm, dr: dm + rest, sndr: dm + rest / mean(w) };

    const estimates = using(
      changed('women_random.csv.gz', lines),
      (dir) => documentOf(dir, 'women', 'random', 'bts').estimates,
    );
    for (const name of NAMES) close(estimates[name], expected[name]);
    expect(documentOf(DATA, 'women', 'random', 'bts', '--rows', '5000').estimates).toEqual(estimates);
  });

  it('changes every estimate when one click changes', () => {
    const lines = linesOf('women_random.csv.gz');
    const cells = lines[4321]!.split(',');
    cells[4] = cells[4] === '0' ? '1' : '0';
    lines[4321] = cells.join(',');
    const before = documentOf(DATA, 'women', 'random', 'bts').estimates;
    const after = using(
      changed('women_random.csv.gz', lines),
      (dir) => documentOf(dir, 'women', 'random', 'bts').estimates,
    );
    for (const name of NAMES) expect(after[name]).not.toBe(before[name]);
  });

  it('refuses the reversed direction with exit code 6, and prints marked values when forced', () => {
    const refused = run(DATA, 'women', 'bts', 'random', '--json');
    expect(refused.exit).toBe(6);
    expect(refused.error).toMatch(
      /^INSUFFICIENT_OVERLAP: .*\n {2}why: effective sample size 2\.078 of 10000.*\n {2}next: /,
    );
    expect(JSON.parse(refused.out)).toMatchObject({
      code: 'INSUFFICIENT_OVERLAP',
      status: 409,
      exit_code: 6,
      n: 10_000,
    });
    expect(JSON.parse(refused.out)).not.toHaveProperty('estimates');

    const forced = documentOf(DATA, 'women', 'bts', 'random', '--force');
    expect(forced).toMatchObject({ forced: true, refusals: [{ code: 'LOW_EFFECTIVE_SAMPLE_SIZE' }] });
    expectGolden(forced, golden.directions['bts->random']!);
    expect(run(DATA, 'women', 'bts', 'random', '--force').out).toContain(
      '! FORCED in spite of LOW_EFFECTIVE_SAMPLE_SIZE',
    );
  });

  it('evaluates the other campaign, and a third one in the same format, with sizes taken from the data', () => {
    const all = documentOf(DATA, 'all', 'random', 'random');
    expect(all).toMatchObject({ n: 10_000, n_actions: 80, n_positions: 3, rewards: 38 });
    const third = [
      'item_id,position,click,propensity_score',
      ...Array.from({ length: 400 }, (_, row) => `${row % 4},${1 + (row % 2)},${row % 10 === 0 ? 1 : 0},0.25`),
    ];
    const dir = changed('men_random.csv', third);
    using(dir, () => {
      writeFileSync(
        join(dir, 'bts_action_dist_men.csv'),
        'item_id,p_pos1,p_pos2\n0,0.6,0\n1,0,0.7\n2,0.4,0\n3,0,0.3\n',
      );
      const document = documentOf(dir, 'men', 'random', 'bts');
      expect(document).toMatchObject({ n: 400, n_actions: 4, n_positions: 2, rewards: 40 });
      // 20 clicks each on items 0 and 2, both shown at position 1 only.
      close(document.estimates.ipw, (20 * (0.6 / 0.25) + 20 * (0.4 / 0.25)) / 400);
    });
  });

  it('refuses when the log never shows what the evaluated policy does', () => {
    const lines = linesOf('women_random.csv.gz');
    const item = readFileSync(join(DATA, 'bts_action_dist_women.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((l) => l.split(','));
    item.sort((a, b) => Number(b[1]) - Number(a[1]));
    const frequent = new Set(item.slice(0, 3).map(([id]) => id));
    const kept = lines.filter((line, index) => index === 0 || !frequent.has(line.split(',')[2]!));
    const refused = using(changed('women_random.csv.gz', kept), (dir) => run(dir, 'women', 'random', 'bts'));
    expect(refused.exit).toBe(6);
    expect(refused.error).toContain("of the evaluated policy's choices are actions that the log never shows");
  });

  const header = 'item_id,position,click,propensity_score';
  it.each([
    [2, 'MISSING_COLUMN', 'x_random.csv has no column click', 'item_id,position,propensity_score\n0,1,1\n'],
    [2, 'BAD_NUMBER', 'x_random.csv line 3: propensity_score is "often"', `${header}\n0,1,1,1\n0,1,1,often\n`],
    [2, 'BAD_NUMBER', 'line 2: propensity_score is ""', `${header}\n0,1,1,\n`],
    [2, 'BAD_NUMBER', 'line 2: click is "2"', `${header}\n0,1,2,0.5\n`],
    [2, 'BAD_ROW', 'x_random.csv line 3 is malformed', `${header}\n0,1,1,1\n0,1\n`],
    [2, 'EMPTY_LOG', 'x_random.csv has no rows', `${header}\n`],
    [3, 'POLICY_NOT_FOUND', 'no distribution of policy bts for campaign x', `${header}\n0,1,1,1\n`],
  ])('answers exit %i and %s', (exit, code, message, text) => {
    using(changed('x_random.csv', [text.trimEnd()]), (dir) => {
      const result = run(dir, 'x', 'random', 'bts', '--json');
      expect([result.exit, JSON.parse(result.out).code]).toEqual([exit, code]);
      expect(result.error).toContain(message);
    });
  });

  it('answers exit 3 for what is not there and 2 for wrong usage', () => {
    const missing = run(join(DATA, 'nowhere'), 'women', 'random', 'bts');
    expect([missing.exit, missing.error.split(':')[0]]).toEqual([3, 'DATA_DIR_NOT_FOUND']);
    const unknown = run(DATA, 'men', 'random', 'bts');
    expect([unknown.exit, unknown.error]).toEqual([3, expect.stringContaining('all, women')]);
    expect(run(DATA, 'women', 'greedy', 'bts').error).toContain('logged policies: bts, random');
    expect(run(DATA, 'women', '../random', 'bts').exit).toBe(2);
    expect(run(DATA, 'women', 'random', 'bts', '--seed', 'x').exit).toBe(2);
    expect(run(DATA, 'women', 'random', 'bts', '--turbo').exit).toBe(2);
  });

  it('prints a table for people', () => {
    const { out } = run(DATA, 'women', 'random', 'bts');
    expect(out).toContain('what bts would earn per impression, from 10000 rows logged by random');
    expect(out).toMatch(/sndr +0\.006865 +0\.00\d+ to +0\.01\d+ +mean\(v\) \+ sum/);
    expect(out).toContain('effective sample 1954.3 of 10000');
  });
});

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');
const CRUISER = path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const CONFIG = path.join(ROOT, '.dependency-cruiser.cjs');
const FOLDERS = ['apps', 'workflows', 'activities', 'domain', 'scripts', 'migrations', 'bench', 'test'];

interface Violation {
  from: string;
  to: string;
  rule: { name: string; severity: string };
}

/** Runs dependency-cruiser on a tree and returns what it reports. Its exit code is the number of errors. */
function cruise(tree: string): Promise<Violation[]> {
  const args = [CRUISER, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...FOLDERS];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 256e6 }, (error, stdout, stderr) => {
      if (!stdout) return reject(new Error(`dependency-cruiser wrote nothing: ${stderr}${error?.message ?? ''}`));
      resolve((JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations);
    });
  });
}

/** What every planted tree holds; it breaks no rule. */
const CLEAN: Record<string, string> = {
  'domain/contracts/index.ts': 'export const contract = 1;',
  'domain/agents/bid/index.ts': 'export const bid = 1;',
  'domain/agents/budget/index.ts': 'export const budget = 1;',
  'activities/read.ts': 'export interface Reads { read(): Promise<void> }\nexport const read = 1;',
  'workflows/turn.ts': "import type { Reads } from '../activities/read';\nexport type T = Reads;",
  'apps/control-plane/src/main.ts': "import { contract } from '#domain/contracts/index';\nexport const c = contract;",
  'apps/bidder-edge/src/main.ts': "import { bid } from '#domain/agents/bid/index';\nexport const b = bid;",
  'apps/market-simulator/src/main.ts': 'export const s = 1;',
  'apps/console/src/main.ts': "import { contract } from '#domain/contracts/index';\nexport const c = contract;",
  'apps/cli/src/main.ts': "import { contract } from '#domain/contracts/index';\nexport const c = contract;",
  'scripts/start.ts': 'export const start = 1;',
  'migrations/0001.ts': 'export const up = 1;',
  'bench/run.ts': 'export const bench = 1;',
  'test/one.ts': 'export const t = 1;',
};

/** One violation per rule (and per way around it): the file, its text, and the rule that must report it. */
const PLANTED: readonly { rule: string; file: string; text: string }[] = [
  {
    rule: 'console-and-cli-see-contracts-only',
    file: 'apps/console/src/planted.ts',
    text: "import { bid } from '#domain/agents/bid/index';\nexport const x = bid;",
  },
  {
    rule: 'console-and-cli-see-contracts-only',
    file: 'apps/cli/src/planted.ts',
    text: "import { start } from '../../../scripts/start';\nexport const x = start;",
  },
  {
    rule: 'edge-sees-domain-only',
    file: 'apps/bidder-edge/src/planted.ts',
    text: "import { read } from '../../../activities/read';\nexport const x = read;",
  },
  {
    rule: 'simulator-sees-domain-only',
    file: 'apps/market-simulator/src/planted.ts',
    text: "import { read } from '../../../activities/read';\nexport const x = read;",
  },
  {
    rule: 'domain-sees-domain-only',
    file: 'domain/contracts/planted.ts',
    text: "import { read } from '../../activities/read';\nexport const x = read;",
  },
  {
    rule: 'domain-uses-no-node',
    file: 'domain/contracts/planted.ts',
    text: "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;",
  },
  {
    rule: 'domain-uses-no-framework',
    file: 'domain/contracts/planted.ts',
    text: "import { Client } from 'pg';\nexport const x = Client;",
  },
  {
    rule: 'workflows-see-domain-and-activities',
    file: 'workflows/planted.ts',
    text: "import { up } from '../migrations/0001';\nexport const x = up;",
  },
  {
    rule: 'workflows-see-activities-by-type-only',
    file: 'workflows/planted.ts',
    text: "import { read } from '../activities/read';\nexport const x = read;",
  },
  {
    rule: 'workflows-use-no-node',
    file: 'workflows/planted.ts',
    text: "import { randomUUID } from 'node:crypto';\nexport const x = randomUUID;",
  },
  {
    rule: 'activities-see-domain-only',
    file: 'activities/planted.ts',
    text: "import { c } from '../apps/control-plane/src/main';\nexport const x = c;",
  },
  {
    rule: 'control-plane-sees-domain-workflows-activities',
    file: 'apps/control-plane/src/planted.ts',
    text: "import { start } from '../../../scripts/start';\nexport const x = start;",
  },
  {
    rule: 'apps-never-import-apps',
    file: 'apps/control-plane/src/planted.ts',
    text: "import { b } from '../../bidder-edge/src/main';\nexport const x = b;",
  },
  {
    rule: 'agents-never-import-agents',
    file: 'domain/agents/bid/planted.ts',
    text: "import { budget } from '#domain/agents/budget/index';\nexport const x = budget;",
  },
  {
    rule: 'no-cycles',
    file: 'domain/agents/bid/planted.ts',
    text: "import { planted } from './cycle';\nexport const x = () => planted;",
  },
  {
    rule: 'no-unresolvable',
    file: 'domain/contracts/planted.ts',
    text: "import { gone } from '#domain/no-such-folder/gone';\nexport const x = gone;",
  },
];

function makeTree(extra: Record<string, string>): string {
  const tree = mkdtempSync(path.join(tmpdir(), 'adloop-arrows-'));
  for (const [file, text] of Object.entries({ ...CLEAN, ...extra })) {
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    writeFileSync(path.join(tree, file), text + '\n');
  }
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs'])
    cpSync(path.join(ROOT, file), path.join(tree, file));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(tree, 'node_modules'));
  return tree;
}

async function violationsOf(extra: Record<string, string>): Promise<Violation[]> {
  const tree = makeTree(extra);
  try {
    return await cruise(tree);
  } finally {
    rmSync(tree, { recursive: true });
  }
}

describe('arrows', () => {
  test('the real tree is clean', async () => {
    const violations = await cruise(ROOT);
    expect(violations.map(({ from, to, rule }) => `${rule.name}: ${from} -> ${to}`)).toEqual([]);
  });

  test('the planted tree is clean before anything is planted', async () => {
    expect(await violationsOf({})).toEqual([]);
  });

  describe('each rule bites on its planted violation', () => {
    // Each violation gets a file of its own, so that one run over one tree shows them all.
    const planted = PLANTED.map((one, n) => ({ ...one, file: one.file.replace('planted', `planted-${n}`) }));
    let violations: Violation[];

    beforeAll(async () => {
      const extra = Object.fromEntries(planted.map(({ file, text }) => [file, text]));
      const cycle = planted.findIndex(({ rule }) => rule === 'no-cycles');
      extra['domain/agents/bid/cycle.ts'] = `import { x } from './planted-${cycle}';\nexport const planted = () => x;`;
      violations = await violationsOf(extra);
    });

    test.each(planted)('$rule: $file', ({ rule, file }) => {
      // A cycle is reported once, from either end.
      const at = (from: string): boolean =>
        from === file || (rule === 'no-cycles' && from === 'domain/agents/bid/cycle.ts');
      const found = violations.filter((violation) => violation.rule.name === rule && at(violation.from));
      expect(found.map(({ rule: { severity } }) => severity)).toEqual(['error']);
    });
  });

  test('every rule has a planted violation', () => {
    const names = [...readFileSync(CONFIG, 'utf8').matchAll(/(?:name: |only\(\s*)'([a-z-]+)'/g)].map(
      (match) => match[1],
    );
    expect([...new Set(PLANTED.map(({ rule }) => rule))].sort()).toEqual([...new Set(names)].sort());
  });
});

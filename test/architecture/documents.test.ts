import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');
const DOCUMENTS = ['README.md', 'AGENTS.md', 'docs/path.md'];
const OURS = /^(apps|workflows|activities|domain|scripts|migrations|bench|test|docs|scenarios)\/[\w./-]+$/;

test.each(DOCUMENTS)('every file and folder that %s names exists', (document) => {
  const names = [...readFileSync(path.join(ROOT, document), 'utf8').matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
  const missing = names.filter((name) => OURS.test(name) && !existsSync(path.join(ROOT, name)));
  expect(missing).toEqual([]);
});

test('every script that README names is in package.json', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const names = [
    ...readFileSync(path.join(ROOT, 'README.md'), 'utf8').matchAll(/npm run (?:--silent )?([\w:-]+)/g),
  ].map((match) => match[1]!);
  expect([...new Set(names)].filter((name) => !(name in scripts))).toEqual([]);
});

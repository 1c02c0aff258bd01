import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');

function folders(folder: string): string[] {
  const inner = readdirSync(path.join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return inner.flatMap(({ name }) => [`${folder}/${name}`, ...folders(`${folder}/${name}`)]);
}

test('every domain folder with an index can be imported by its name', () => {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    imports: Record<string, unknown>;
  };
  const expected = folders('domain')
    .filter((folder) => existsSync(path.join(ROOT, folder, 'index.ts')))
    .map((folder) => [`#${folder}`, { source: `./${folder}/index.ts`, default: `./dist/${folder}/index.js` }]);
  const named = Object.entries(manifest.imports).filter(([key]) => key !== '#domain/*');
  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(expected));
});

import { existsSync, readFileSync, statSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';

/** What one program of `dist/` needs to run. */
export interface Required {
  /** Files of ours, relative to the root. */
  files: string[];
  /** Packages that they ask for by name. */
  packages: string[];
}

/** Requests in compiled CommonJS: the compiler writes them all this way. */
const REQUEST = /\brequire\(["']([^"']+)["']\)/g;

/** `@scope/name/deep/file` -> `@scope/name`. */
const packageOf = (request: string): string =>
  request
    .split('/')
    .slice(0, request.startsWith('@') ? 2 : 1)
    .join('/');

/**
 * Follows the requests from one compiled file.
 * @param imports package.json's `imports`, `#name` -> `{ default: './dist/…' }`
 * @throws Error for a request of ours that nothing answers
 */
export function requiredFiles(root: string, entry: string, imports: Record<string, { default: string }>): Required {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [path.join(root, entry)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const relative = path.relative(root, file);
    if (files.has(relative)) continue;
    files.add(relative);
    for (const [, request] of readFileSync(file, 'utf8').matchAll(REQUEST)) {
      if (request === undefined || isBuiltin(request)) continue;
      if (request.startsWith('.')) queue.push(fileOf(path.resolve(path.dirname(file), request)));
      else if (request.startsWith('#')) queue.push(fileOf(path.join(root, targetOf(request, imports))));
      else packages.add(packageOf(request));
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

function targetOf(request: string, imports: Record<string, { default: string }>): string {
  const exact = imports[request];
  if (exact !== undefined) return exact.default;
  for (const [pattern, target] of Object.entries(imports)) {
    const [prefix = '', rest] = pattern.split('*');
    if (rest !== undefined && request.startsWith(prefix))
      return target.default.replace('*', request.slice(prefix.length));
  }
  throw new Error(`package.json has no import ${request}`);
}

function fileOf(target: string): string {
  for (const candidate of [target, `${target}.js`, path.join(target, 'index.js')])
    if (existsSync(candidate) && statSync(candidate).isFile()) return candidate;
  throw new Error(`nothing lies at ${target}: is dist/ built?`);
}

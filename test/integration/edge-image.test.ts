import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EDGE_NODE_FLAGS } from '../../scripts/stack/parts';
import { fillEdgeFolder, type EdgeFolder } from '../../scripts/ship/edge-folder';
import { waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, notify } from '../fixtures/edge-traffic';

const ROOT = path.resolve(__dirname, '../..');
const IMAGE_UID = 65_532;
const isRoot = process.getuid?.() === 0;

/** One instruction of the Containerfile's last stage. */
function instruction(name: string): string {
  const lastStage =
    readFileSync(path.join(ROOT, 'Containerfile'), 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? '';
  const line = lastStage.split('\n').find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no ${name} in the last stage`);
  return line.slice(name.length + 1);
}

const commandOf = (text: string): [string, ...string[]] =>
  JSON.parse(text.slice(text.indexOf('['))) as [string, ...string[]];

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The steps of the Containerfile without a container: the same folder, the same user, the same commands, code that nobody may write to. */
describe('the image of an edge, step by step', () => {
  // Below the system's own folder: nothing above it holds a node_modules that could answer instead.
  const base = mkdtempSync(path.join(tmpdir(), 'adloop-image-'));
  const code = path.join(base, 'edge');
  const home = path.join(base, 'home');
  let made: EdgeFolder;
  let port = 0;
  let adminPort = 0;
  let edge: ChildProcess;
  let output = '';
  let env: NodeJS.ProcessEnv;

  const user = isRoot ? { uid: IMAGE_UID, gid: IMAGE_UID } : {};
  const allFiles = (): string[] =>
    readdirSync(code, { recursive: true, encoding: 'utf8' })
      .filter((file) => lstatSync(path.join(code, file)).isFile())
      .sort();
  const digest = (): string => {
    const hash = createHash('sha256');
    for (const file of allFiles())
      if (!file.endsWith('bin/node')) hash.update(file).update(readFileSync(path.join(code, file)));
    return hash.digest('hex');
  };

  beforeAll(async () => {
    made = fillEdgeFolder(ROOT, code);
    chmodSync(base, 0o755);
    spawnSync('chmod', ['-R', 'a-w,a+rX', code]);
    spawnSync('install', ['-d', '-m', '0700', home]);
    if (isRoot) chownSync(home, IMAGE_UID, IMAGE_UID);
    port = await freePort();
    adminPort = await freePort();
    const own = { EDGE_PORT: String(port), EDGE_ADMIN_PORT: String(adminPort), EDGE_HOME: home };
    env = {
      ...Object.fromEntries(
        instruction('ENV')
          .split(' ')
          .map((pair) => pair.split('=')),
      ),
      ...own,
    };
  });
  afterAll(() => {
    edge?.kill('SIGKILL');
    spawnSync('chmod', ['-R', 'u+w', base]);
    rmSync(base, { recursive: true, force: true });
  });

  const run = (command: [string, ...string[]]) => {
    const [program, ...args] = command;
    // A relative program counts from the working folder of the image.
    return spawn(path.join(code, program), args, { cwd: code, env, stdio: 'pipe', ...user });
  };
  const health = (): Promise<number | null> =>
    new Promise((resolve) => run(commandOf(instruction('HEALTHCHECK'))).once('exit', resolve));

  test('holds the edge and its packages only: no tool, no test, no other program', () => {
    const { dependencies } = JSON.parse(readFileSync(path.join(code, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const { devDependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    // A run-time dependency more is a decision (docs/decisions): this list is where it shows.
    expect(Object.keys(dependencies)).toEqual([
      '@iabgpp/cmpapi',
      '@redis/client',
      'onnxruntime-node',
      'pino',
      'protobufjs',
      'zod',
    ]);
    const types = ['@types/node'];
    const tools = Object.keys(devDependencies).filter((name) => !types.includes(name));
    expect(made.packages.map(({ name }) => name).filter((name) => tools.includes(name))).toEqual([]);
    const foreign = allFiles().filter(
      (file) => /^dist\//.test(file) && !/^dist\/(domain|apps\/bidder-edge)\//.test(file),
    );
    expect(foreign).toEqual([]);
    expect(allFiles().filter((file) => /^dist\/.*\.test\.js$/.test(file))).toEqual([]);
    for (const platform of ['win32', 'darwin'])
      expect(allFiles().filter((file) => file.includes(`onnxruntime-node/bin`) && file.includes(platform))).toEqual([]);
  });

  test('the Containerfile runs as nobody, keeps its state in a volume, and names what lies in the folder', () => {
    expect(instruction('USER')).toBe(`${IMAGE_UID}:${IMAGE_UID}`);
    expect(instruction('VOLUME')).toBe('/var/lib/adloop-edge');
    expect(instruction('ENV')).toContain('EDGE_HOME=/var/lib/adloop-edge');
    for (const command of [instruction('ENTRYPOINT'), instruction('HEALTHCHECK')])
      expect(existsSync(path.join(code, commandOf(command)[0]))).toBe(true);
    const [, ...args] = commandOf(instruction('ENTRYPOINT'));
    expect(args.slice(0, -1)).toEqual(EDGE_NODE_FLAGS);
    expect(existsSync(path.join(code, args.at(-1) ?? ''))).toBe(true);
  });

  test('starts from the shipped snapshot as that user, is healthy, bids with its model, and settles', async () => {
    expect(await health()).toBe(1);
    const before = digest();
    edge = run([...commandOf(instruction('ENTRYPOINT')), '--snapshot', 'shipped']);
    for (const stream of [edge.stdout, edge.stderr]) stream?.on('data', (text: Buffer) => (output += text.toString()));
    const url = `http://127.0.0.1:${port}`;
    await waitFor(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok === true, 30_000);
    expect(await health()).toBe(0);
    if (isRoot)
      expect(readFileSync(`/proc/${edge.pid}/status`, 'utf8')).toMatch(new RegExp(`^Uid:\\s+${IMAGE_UID}\\s`, 'm'));
    const bid = await ask(url, bannerRequest('image'));
    expect(bid?.price).toBeGreaterThan(0);
    expect((await notify(bid?.burl ?? '', { price: bid?.price })).status).toBe(200);
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    expect(metrics).not.toMatch(/adloop_edge_fallbacks_total\{/);
    expect(metrics).toContain('adloop_edge_notices_total{kind="bill",result="accepted"} 1');
    expect(digest()).toBe(before);
  });

  test('ends in order on the stop signal', async () => {
    const ended = new Promise<number | null>((resolve) => edge.once('exit', resolve));
    edge.kill(instruction('STOPSIGNAL') as NodeJS.Signals);
    expect(await ended).toBe(0);
    expect(output).toContain('edge stopped');
    expect(await health()).toBe(1);
  });
});

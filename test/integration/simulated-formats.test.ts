import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from '#domain/contracts';
import { demoSnapshot, exchangeOf } from '../fixtures/demo-snapshot';
import { EdgeScene } from '../fixtures/edge-scene';
import { waitFor } from '../fixtures/edge-process';

const ROOT = join(__dirname, '..', '..');
const SECONDS = 8;
const FORMATS = ['banner', 'video', 'audio', 'native'] as const;

/** The market simulator as it is started by hand, on a real edge. */
describe('a market of four formats', () => {
  const folder = mkdtempSync(join(tmpdir(), 'adloop-formats-'));
  let scene: EdgeScene;

  beforeAll(async () => {
    const exchanges = {
      demo: exchangeOf(),
      demo2: exchangeOf({ exchange: 'demo2', auctionType: 2, disclosesMinToWin: false }),
    };
    scene = await EdgeScene.open('edge-formats', { snapshot: demoSnapshot({ exchanges }) });
  });
  afterAll(async () => {
    await scene.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function simulate(ackLog: string): Promise<number | null> {
    const main = join(ROOT, 'dist', 'apps', 'market-simulator', 'src', 'main.js');
    const args = [
      '--scenario',
      join(ROOT, 'scenarios', 'formats.json'),
      '--edge',
      scene.edge.url,
      '--seconds',
      String(SECONDS),
    ];
    const child = spawn(process.execPath, [main, ...args, '--ack-log', ackLog], { stdio: 'ignore' });
    return new Promise((resolve) => child.once('exit', resolve));
  }

  it('is bid on, billed and clicked in each of them, and nothing that was acknowledged is lost', async () => {
    const ackLog = join(folder, 'acks.ndjson');
    expect(await simulate(ackLog)).toBe(0);
    const acknowledged = readFileSync(ackLog, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; bidId: string });
    const key = ({ kind, id }: { kind: string; id: string }): string => `${kind} ${id}`;
    const known = (): Set<string> =>
      new Set(scene.outcomes().map(({ kind, decisionId }) => key({ kind, id: decisionId })));
    await waitFor(() => acknowledged.every(({ kind, bidId }) => known().has(key({ kind, id: bidId }))));
    const typeOf = new Map(scene.snapshot.creatives.map(({ creativeId, type }) => [creativeId, type]));
    const count = (kind: Outcome['kind'], format: string): number =>
      scene.outcomes().filter((one) => one.kind === kind && typeOf.get(one.creativeId) === format).length;
    for (const format of FORMATS) {
      expect([format, count('bill', format) > 0]).toEqual([format, true]);
      expect([format, count('click', format) > 0]).toEqual([format, true]);
    }
    expect(await scene.edge.metric('adloop_edge_internal_errors_total')).toBe(0);
  });
});

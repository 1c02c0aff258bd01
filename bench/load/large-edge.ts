import { generateKeyPairSync, sign } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { canonicalJson, type PolicySnapshot } from '#domain/contracts';
import { Journal } from '../../apps/bidder-edge/src/state/journal';
import { findRoot, freePorts } from '../../scripts/setup';
import { grown } from '../micro/campaigns';
import { generate, startEdge } from './edge-server';
import type { BenchServer } from './server-process';
import { rssMiBOf } from './thread-load';

/** A real edge with as many campaigns and users as one is meant to hold. */
export interface LargeEdgeReport {
  campaigns: number;
  counters: number;
  /** From the start of the process to its first ready answer. */
  startSeconds: number;
  readyMiB: number;
  loadedMiB: number;
  perSecond: number;
  p99Us: number;
}

const CAMPAIGNS = 10_000;
const COUNTERS = 1_000_000;
const CONNECTIONS = 32;
const SECONDS = 10;
const SETTINGS = { EDGE_MAX_CAP_ENTRIES: '1500000' };

/** Starts an edge on a journal of a million frequency counters and a snapshot of ten thousand campaigns, and loads it. */
export async function measureLargeEdge(snapshot: PolicySnapshot, bodies: readonly string[]): Promise<LargeEdgeReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-bench-'));
  let edge: BenchServer | null = null;
  try {
    const home = path.join(folder, 'edge');
    const bodiesFile = path.join(folder, 'bid.ndjson');
    writeFileSync(bodiesFile, `${bodies.join('\n')}\n`);
    await writeCounters(home, snapshot);
    const shipped = writeShipped(folder, grown(snapshot, CAMPAIGNS, 'strangers'));
    const [port = 0] = await freePorts(1);
    const startedMs = performance.now();
    edge = await startEdge(home, port, { ...SETTINGS, SHIPPED_DIR: shipped });
    const startSeconds = (performance.now() - startedMs) / 1000;
    const readyMiB = rssMiBOf(edge.pid);
    const plan = { host: '127.0.0.1', port, path: edge.path, bodiesFile, connections: CONNECTIONS, ratePerSecond: 0 };
    const { perSecond, p99Us } = await generate({ ...plan, seconds: SECONDS });
    const loadedMiB = rssMiBOf(edge.pid);
    return { campaigns: CAMPAIGNS, counters: COUNTERS, startSeconds, readyMiB, loadedMiB, perSecond, p99Us };
  } finally {
    await edge?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A journal in which a million users have seen an ad of some campaign in the last hours. */
async function writeCounters(home: string, { campaigns }: PolicySnapshot): Promise<void> {
  const journal = new Journal(home, Number.MAX_SAFE_INTEGER);
  const hourMs = 3_600_000;
  const nowMs = Date.now();
  function* entries(): Generator<{ kind: 'cap'; key: string; buckets: number[] }> {
    for (let n = 0; n < COUNTERS; n += 1) {
      const campaign = campaigns[n % campaigns.length];
      const user = Math.imul(n, 0x9e3779b1) >>> 0;
      const userKey = `${user.toString(16).padStart(8, '0')}${n.toString(16).padStart(8, '0')}`;
      yield {
        kind: 'cap',
        key: `campaign:${campaign?.campaignId}:1440|${userKey}`,
        buckets: [nowMs - (n % 20) * hourMs, 1],
      };
    }
  }
  await journal.compact(entries());
  await journal.close();
}

/** A folder like the shipped one with another snapshot, signed by a key made for it. */
function writeShipped(folder: string, snapshot: PolicySnapshot): string {
  const shipped = path.join(folder, 'shipped');
  mkdirSync(path.join(shipped, 'keys'), { recursive: true });
  cpSync(path.join(findRoot(), 'apps', 'bidder-edge', 'shipped', 'artifacts'), path.join(shipped, 'artifacts'), {
    recursive: true,
  });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(path.join(shipped, 'keys', 'bench.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  const payload = canonicalJson(snapshot);
  const signature = sign(null, Buffer.from(payload, 'utf8'), privateKey).toString('base64url');
  const signed = { payload, keyId: 'bench', algorithm: 'ed25519', signature };
  writeFileSync(path.join(shipped, 'snapshot.json'), JSON.stringify(signed));
  return shipped;
}

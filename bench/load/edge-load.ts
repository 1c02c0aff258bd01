import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { PolicySnapshot } from '#domain/contracts';
import type { Scenario } from '#domain/market';
import { freePorts } from '../../scripts/setup';
import { spreadOf, type Spread } from '../statistic';
import { bidBodies, noBidBodies, RICH_BYTES } from './bodies';
import { generate, startEdge } from './edge-server';
import type { LoadResult } from './generator';
import { isPinned, startServer, type BenchServer } from './server-process';

export interface EdgeLoadOptions {
  scenario: Scenario;
  snapshot: PolicySnapshot;
  rounds: number;
  seconds: number;
  seed: number;
  say(line: string): void;
}

/** One measurement of one server, all rounds. */
export interface Series {
  perSecond: Spread;
  p50Us: Spread;
  p99Us: Spread;
  p999Us: Spread;
  statuses: Record<string, number>;
  unsent: number;
  /** Share of its core that the generator used: near 1 the generator, not the server, is the limit. */
  generatorBusy: Spread;
}

/** Edge beside the bare ceiling; ratios are taken round by round, then their median. */
export interface EdgeLoadReport {
  rounds: number;
  secondsPerRound: number;
  connections: number;
  pinned: boolean;
  bodyBytes: number;
  richBytes: number;
  closed: { bare: Series; bid: Series; noBid: Series; bidRatio: Spread; noBidRatio: Spread };
  /** Bodies of `richBytes`. */
  rich: { bare: Series; bid: Series; bidRatio: Spread };
  /** The same edge behind Node's own HTTP server. */
  nodeServer: { bid: Series; bidRatio: Spread };
  /** At a share of the edge's own saturation, and at the rate that the design asks for. */
  open: OpenLoop[];
}

export interface OpenLoop {
  ratePerSecond: number;
  bare: Series;
  bid: Series;
  p50Ratio: Spread;
  p99Ratio: Spread;
}

const CONNECTIONS = 32;
/** Share of the edge's own saturation at which latency is taken. */
const OPEN_SHARE = 0.7;
const OPEN_RATE = 5000;
const WARM_UP_SECONDS = 3;

type Loads =
  'bare' | 'bid' | 'noBid' | 'bareRich' | 'bidRich' | 'nodeServer' | 'bareOpen' | 'bidOpen' | 'bareFast' | 'bidFast';

/**
 * Interleaved rounds, A B A B: bare, edge that bids, edge that is vetoed, the first two with richer bodies, the edge behind Node's server;
 * closed loop, then open loop at one rate for bare and edge.
 */
export async function measureEdgeLoad(options: EdgeLoadOptions): Promise<EdgeLoadReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-bench-'));
  const servers: BenchServer[] = [];
  try {
    const files = writeBodies(folder, options);
    const [barePort, edgePort, otherPort] = await freePorts(3);
    const bare = await startServer('bare', barePort!, '/', [path.join(__dirname, 'bare-server.js'), String(barePort)]);
    servers.push(bare);
    const edge = await startEdge(path.join(folder, 'edge'), edgePort!);
    servers.push(edge);
    const other = await startEdge(path.join(folder, 'other'), otherPort!, { EDGE_HTTP_SERVER: 'node' });
    servers.push(other);
    const load = (server: BenchServer, bodiesFile: string, seconds: number, ratePerSecond = 0): Promise<LoadResult> =>
      generate({
        host: '127.0.0.1',
        port: server.port,
        path: server.path,
        bodiesFile,
        connections: CONNECTIONS,
        seconds,
        ratePerSecond,
      });
    await load(bare, files.bid, WARM_UP_SECONDS);
    await load(edge, files.bid, WARM_UP_SECONDS);
    await load(edge, files.noBid, WARM_UP_SECONDS);
    const warm = await load(edge, files.bid, WARM_UP_SECONDS);
    await load(other, files.bid, WARM_UP_SECONDS);
    const rate = Math.max(100, Math.round((warm.perSecond * OPEN_SHARE) / 100) * 100);
    const taken: Record<Loads, LoadResult[]> = {
      ...{ bare: [], bid: [], noBid: [], bareRich: [], bidRich: [], nodeServer: [], bareOpen: [], bidOpen: [] },
      ...{ bareFast: [], bidFast: [] },
    };
    for (let round = 1; round <= options.rounds; round++) {
      taken.bare.push(await load(bare, files.bid, options.seconds));
      taken.bid.push(await load(edge, files.bid, options.seconds));
      taken.noBid.push(await load(edge, files.noBid, options.seconds));
      taken.bareRich.push(await load(bare, files.rich, options.seconds));
      taken.bidRich.push(await load(edge, files.rich, options.seconds));
      taken.nodeServer.push(await load(other, files.bid, options.seconds));
      taken.bareOpen.push(await load(bare, files.bid, options.seconds, rate));
      taken.bidOpen.push(await load(edge, files.bid, options.seconds, rate));
      taken.bareFast.push(await load(bare, files.bid, options.seconds, OPEN_RATE));
      taken.bidFast.push(await load(edge, files.bid, options.seconds, OPEN_RATE));
      const ratio = taken.bid.at(-1)!.perSecond / taken.bare.at(-1)!.perSecond;
      options.say(`round ${round} of ${options.rounds}: the edge answers ${ratio.toFixed(3)} of the bare server`);
    }
    return reportOf(options, files, rate, taken);
  } finally {
    for (const server of servers) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function reportOf(
  { rounds, seconds }: EdgeLoadOptions,
  { bytes, richBytes }: { bytes: number; richBytes: number },
  ratePerSecond: number,
  taken: Readonly<Record<Loads, LoadResult[]>>,
): EdgeLoadReport {
  const ratioOf = (a: Loads, b: Loads, figure: 'perSecond' | 'p50Us' | 'p99Us'): Spread =>
    spreadOf(taken[a].map((result, n) => result[figure] / taken[b][n]![figure]));
  const series = (load: Loads): Series => seriesOf(taken[load]);
  const open = (rate: number, bare: Loads, bid: Loads): OpenLoop => ({
    ratePerSecond: rate,
    bare: series(bare),
    bid: series(bid),
    p50Ratio: ratioOf(bid, bare, 'p50Us'),
    p99Ratio: ratioOf(bid, bare, 'p99Us'),
  });
  return {
    rounds,
    secondsPerRound: seconds,
    connections: CONNECTIONS,
    pinned: isPinned(),
    bodyBytes: bytes,
    richBytes,
    closed: {
      bare: series('bare'),
      bid: series('bid'),
      noBid: series('noBid'),
      bidRatio: ratioOf('bid', 'bare', 'perSecond'),
      noBidRatio: ratioOf('noBid', 'bare', 'perSecond'),
    },
    rich: {
      bare: series('bareRich'),
      bid: series('bidRich'),
      bidRatio: ratioOf('bidRich', 'bareRich', 'perSecond'),
    },
    nodeServer: { bid: series('nodeServer'), bidRatio: ratioOf('nodeServer', 'bare', 'perSecond') },
    open: [open(ratePerSecond, 'bareOpen', 'bidOpen'), open(OPEN_RATE, 'bareFast', 'bidFast')],
  };
}

function writeBodies(folder: string, { scenario, seed, snapshot }: EdgeLoadOptions) {
  const bid = bidBodies(scenario, seed);
  const domains = [...new Set(snapshot.creatives.flatMap((creative) => creative.domains))];
  const write = (name: string, bodies: readonly string[]): string => {
    const file = path.join(folder, name);
    writeFileSync(file, `${bodies.join('\n')}\n`);
    return file;
  };
  const rich = bidBodies(scenario, seed, RICH_BYTES);
  return {
    bytes: meanBytes(bid),
    richBytes: meanBytes(rich),
    bid: write('bid.ndjson', bid),
    rich: write('rich.ndjson', rich),
    noBid: write('no-bid.ndjson', noBidBodies(scenario, seed, domains)),
  };
}

const meanBytes = (bodies: readonly string[]): number =>
  Math.round(bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0) / bodies.length);

function seriesOf(results: readonly LoadResult[]): Series {
  const statuses: Record<string, number> = {};
  for (const result of results)
    for (const [status, n] of Object.entries(result.statuses)) statuses[status] = (statuses[status] ?? 0) + n;
  const spread = (figure: 'perSecond' | 'p50Us' | 'p99Us' | 'p999Us' | 'generatorBusy') =>
    spreadOf(results.map((result) => result[figure]));
  return {
    perSecond: spread('perSecond'),
    p50Us: spread('p50Us'),
    p99Us: spread('p99Us'),
    p999Us: spread('p999Us'),
    statuses,
    unsent: results.reduce((sum, { unsent }) => sum + unsent, 0),
    generatorBusy: spread('generatorBusy'),
  };
}

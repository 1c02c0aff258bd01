import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Scenario } from '#domain/market';
import { freePorts } from '../../scripts/setup';
import { spreadOf, type Spread } from '../statistic';
import { bidBodies } from './bodies';
import { generate, startEdge } from './edge-server';
import type { LoadResult } from './generator';
import type { BenchServer } from './server-process';

/** One edge with one thread for everything, and one with two that bid and one that keeps the books; neither is pinned. */
export interface ThreadsReport {
  cores: number;
  rounds: number;
  rows: { threads: number; perSecond: Spread; p99Us: Spread; cpuUs: Spread; rssMiB: number }[];
  /** Requests/s of two over one, round by round. */
  ratio: Spread;
}

const THREADS = [1, 2] as const;
const CONNECTIONS = 32;
const WARM_UP_SECONDS = 3;
const TICKS_PER_SECOND = 100;

export async function measureThreads(
  scenario: Scenario,
  options: { seed: number; rounds: number; seconds: number; cores: number },
): Promise<ThreadsReport> {
  const folder = mkdtempSync(path.join(tmpdir(), 'adloop-bench-'));
  const servers: BenchServer[] = [];
  try {
    const bodiesFile = path.join(folder, 'bid.ndjson');
    writeFileSync(bodiesFile, `${bidBodies(scenario, options.seed).join('\n')}\n`);
    for (const [at, port] of (await freePorts(THREADS.length)).entries()) {
      const env = { EDGE_THREADS: String(THREADS[at]) };
      servers.push(await startEdge(path.join(folder, `edge-${at}`), port, env, null));
    }
    const load = ({ port, path: route }: BenchServer, seconds: number): Promise<LoadResult> => {
      const plan = { host: '127.0.0.1', port, path: route, bodiesFile, connections: CONNECTIONS, seconds };
      return generate({ ...plan, ratePerSecond: 0 }, null);
    };
    for (const server of servers) await load(server, WARM_UP_SECONDS);
    const taken = servers.map((): { result: LoadResult; cpuUs: number }[] => []);
    for (let round = 0; round < options.rounds; round += 1)
      for (const [at, server] of servers.entries()) {
        const before = cpuSecondsOf(server.pid);
        const result = await load(server, options.seconds);
        taken[at]?.push({ result, cpuUs: ((cpuSecondsOf(server.pid) - before) * 1e6) / result.requests });
      }
    return {
      ...{ cores: options.cores, rounds: options.rounds },
      rows: servers.map((server, at) => ({
        threads: THREADS[at] ?? 0,
        perSecond: spreadOf((taken[at] ?? []).map(({ result }) => result.perSecond)),
        p99Us: spreadOf((taken[at] ?? []).map(({ result }) => result.p99Us)),
        cpuUs: spreadOf((taken[at] ?? []).map(({ cpuUs }) => cpuUs)),
        rssMiB: rssMiBOf(server.pid),
      })),
      ratio: spreadOf(
        (taken[1] ?? []).map(({ result }, n) => result.perSecond / (taken[0]?.[n]?.result.perSecond ?? 0)),
      ),
    };
  } finally {
    for (const server of servers) await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Processor time of a process and all its threads so far; `/proc` counts it in hundredths of a second. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in brackets may hold blanks; user and system time are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, MiB. */
export function rssMiBOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1024);
}

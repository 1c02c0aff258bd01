import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { startStack, type Part, type Stack } from '../stack';
import { auditNotices, type NoticeAudit } from '../story/lost-notices';
import type { Narrator } from '../story/narrator';
import { waitFor } from '../story/wait-for';
import { readEdge, trafficBetween, type EdgeReading, type EdgeTraffic } from './edge-meter';
import { serveCanary } from './serving-canary';

export interface OutageOptions {
  /** Folder for the two homes; they are left there. */
  folder: string;
  minutes: number;
  requestsPerSecond: number;
  seed: number;
  /** Traffic before the outage, once both canaries serve, seconds. */
  warmUpSeconds?: number;
}

/** Shares and bounds of the drill (issue: "within 5 % of a twin", "ends within 2 minutes"). */
const LARGEST_DIFFERENCE = 0.05;
const CANARY_ENDS_WITHIN_S = 120;
const KINDS = ['win', 'bill', 'loss', 'click', 'conversion'];
const LEAST_REQUESTS_PER_SECOND = 50;

export interface OutageReport {
  drill: 'outage';
  passed: boolean;
  faults: string[];
  minutes: number;
  seed: number;
  alone: EdgeTraffic;
  twin: EdgeTraffic;
  bidRateDifference: number;
  spendDifference: number;
  /** Samples of the edge that was left alone, and how many showed more than was granted. */
  samples: number;
  leasesExceeded: number;
  /** Largest share of the granted budget that was spent or reserved at any sample. */
  leaseUsed: number;
  overdrawnGrants: number;
  canaryShareBps: number;
  canaryEndedS: number | null;
  reachableAgainS: number | null;
  acknowledged: Record<string, number>;
  lost: number;
}

/** Two stacks from the same keys, seed and random-number start: one that will lose its control plane, and its twin. */
async function startPair(options: OutageOptions): Promise<[Stack, Stack]> {
  const open = (name: string) => {
    const parts: Part[] = ['postgres', 'temporal', 'control-plane', 'worker', 'edge'];
    return startStack({
      home: join(options.folder, name),
      parts,
      kpiBucketSeconds: 5,
      simulator: { scenario: 'scenarios/story.json', requestsPerSecond: options.requestsPerSecond, seed: options.seed },
      env: { EDGE_RNG_START: '1' },
    });
  };
  const alone = await open('alone');
  try {
    const keys = join(options.folder, 'twin', 'keys');
    mkdirSync(keys, { recursive: true });
    cpSync(alone.home.keys, keys, { recursive: true });
    rmSync(join(keys, 'postgres.password'), { force: true });
    return [alone, await open('twin')];
  } catch (error) {
    await alone.stop();
    throw error;
  }
}

async function query<T>(stack: Stack, sql: string): Promise<T[]> {
  const client = new Client({ connectionString: stack.urls.postgres });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Everything the control plane ever granted to the edge, from its own books, nanos. */
async function grantedTo(stack: Stack, edgeId: string): Promise<number> {
  const [row] = await query<{ granted: string }>(
    stack,
    `SELECT coalesce(sum(amount_nanos), 0)::text AS granted FROM budget_grant WHERE edge_id = '${edgeId}' AND closed_at IS NULL`,
  );
  return Number(row?.granted ?? 0);
}

const CENTRAL_PARTS = ['control-plane', 'worker', 'temporal', 'postgres'];

/** Control plane first, so that its books are final when they are read; then the rest, all by kill -9. */
async function cutOff(stack: Stack): Promise<number> {
  await stack.killPart('control-plane');
  await stack.killPart('worker');
  const granted = await grantedTo(stack, 'edge-1');
  for (const part of CENTRAL_PARTS) await stack.killPart(part);
  return granted;
}

async function restore(stack: Stack): Promise<void> {
  for (const part of [...CENTRAL_PARTS].reverse())
    if (part !== 'worker' && part !== 'control-plane') await stack.start(part);
  await stack.start('control-plane');
  await stack.start('worker');
}

interface Watch {
  samples: number;
  leasesExceeded: number;
  leaseUsed: number;
  canaryEndedS: number | null;
}

/** Looks at the edge every second of the outage: its leases and whether it still serves the canary. */
async function watchAlone(url: string, granted: number, stoppedAtMs: number, untilMs: number): Promise<Watch> {
  const watch: Watch = { samples: 0, leasesExceeded: 0, leaseUsed: 0, canaryEndedS: null };
  while (Date.now() < untilMs) {
    const reading = await readEdge(url);
    const { spent, reserved } = reading.budget;
    watch.samples += 1;
    watch.leaseUsed = Math.max(watch.leaseUsed, (spent + reserved) / granted);
    if (spent + reserved > granted) watch.leasesExceeded += 1;
    if (reading.canaryShareBps === 0) watch.canaryEndedS ??= (reading.atMs - stoppedAtMs) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return watch;
}

/** After the return: outbox shipped, traffic stopped, every acknowledged notice looked for in Postgres. */
async function settle(stack: Stack): Promise<{ audit: NoticeAudit; overdrawnGrants: number }> {
  await fetch(`${stack.urls.simulator}/stop`, { method: 'POST' });
  const ackLog = join(stack.home.root, 'simulator', 'acknowledged.ndjson');
  const look = () => auditNotices(ackLog, stack.urls.postgres);
  const audit = await waitFor('every acknowledged notice in Postgres', 180, async () => {
    const found = await look();
    return found.lost === 0 ? found : null;
  }).catch(look);
  const overdrawn = await query(
    stack,
    'SELECT grant_id FROM budget_grant WHERE spent_nanos + returned_nanos > amount_nanos',
  );
  return { audit, overdrawnGrants: overdrawn.length };
}

const apart = (a: number, b: number): number => (b === 0 ? Infinity : Math.abs(a - b) / b);

function faultsOf(report: Omit<OutageReport, 'faults' | 'passed'>): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || faults.push(what));
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  for (const [name, { requestsPerSecond }] of Object.entries({ alone: report.alone, twin: report.twin }))
    must(requestsPerSecond >= LEAST_REQUESTS_PER_SECOND, `${name}: only ${requestsPerSecond.toFixed(1)} requests/s`);
  must(report.bidRateDifference <= LARGEST_DIFFERENCE, `bid rates differ by ${percent(report.bidRateDifference)}`);
  must(report.alone.spendNanos > 0, 'nothing was spent in the outage');
  must(report.spendDifference <= LARGEST_DIFFERENCE, `spend differs by ${percent(report.spendDifference)}`);
  must(report.samples > 0 && report.leasesExceeded === 0, `${report.leasesExceeded} samples exceed the leases`);
  must(report.overdrawnGrants === 0, `${report.overdrawnGrants} grants are overdrawn in the books`);
  must(report.canaryShareBps > 0, 'no canary served when the outage began');
  must(
    report.canaryEndedS !== null && report.canaryEndedS <= CANARY_ENDS_WITHIN_S,
    `the canary ended after ${report.canaryEndedS ?? '-'} s`,
  );
  must(report.lost === 0, `${report.lost} acknowledged notices are missing`);
  for (const kind of KINDS) must((report.acknowledged[kind] ?? 0) > 0, `no ${kind} was acknowledged in the outage`);
  return faults;
}

/** Notices acknowledged between two moments, by kind. */
function acknowledgedBetween(ackLines: { kind: string; atMs: number }[], fromMs: number, toMs: number) {
  const byKind: Record<string, number> = {};
  for (const { kind, atMs } of ackLines) if (atMs >= fromMs && atMs <= toMs) byKind[kind] = (byKind[kind] ?? 0) + 1;
  return byKind;
}

/**
 * The drill: control plane, worker, Temporal and Postgres of one edge are killed for `minutes` while a canary serves; its twin keeps
 * them. Leaves both homes in `folder`.
 */
export async function outageDrill(options: OutageOptions, narrator: Narrator): Promise<OutageReport> {
  const [alone, twin] = await startPair(options);
  try {
    return await play(options, narrator, alone, twin);
  } finally {
    await Promise.all([alone.stop(), twin.stop()]);
  }
}

async function play(options: OutageOptions, narrator: Narrator, alone: Stack, twin: Stack): Promise<OutageReport> {
  narrator.say('two stacks run; their markets start');
  await Promise.all([alone.start('simulator'), twin.start('simulator')]);
  const rollouts = await Promise.all([serveCanary(alone), serveCanary(twin)]);
  narrator.say(`canaries ${rollouts.join(' and ')} serve`);
  await new Promise((resolve) => setTimeout(resolve, 1000 * (options.warmUpSeconds ?? 30)));
  const both = (): Promise<[EdgeReading, EdgeReading]> =>
    Promise.all([readEdge(alone.urls.edge), readEdge(twin.urls.edge)]);
  const [aloneFrom, twinFrom] = await both();
  const stoppedAtMs = Date.now();
  const granted = await cutOff(alone);
  narrator.say(`control plane, worker, Temporal and Postgres are gone; ${(granted / 1e9).toFixed(2)} USD are granted`);
  const watch = await watchAlone(alone.urls.edge, granted, stoppedAtMs, stoppedAtMs + options.minutes * 60_000);
  const [aloneTo, twinTo] = await both();
  narrator.say(`the outage ends; the canary had ended after ${watch.canaryEndedS ?? '-'} s`);
  const restoredAtMs = Date.now();
  await restore(alone);
  const reachableAgainS = await waitFor('the edge hears of the control plane', 60, async () => {
    const reading = await readEdge(alone.urls.edge);
    return reading.controlPlaneReachable && reading.outboxSegments < 3 ? (reading.atMs - restoredAtMs) / 1000 : null;
  }).catch(() => null);
  const { audit, overdrawnGrants } = await settle(alone);
  const traffic = { alone: trafficBetween(aloneFrom, aloneTo), twin: trafficBetween(twinFrom, twinTo) };
  const report = {
    drill: 'outage' as const,
    minutes: options.minutes,
    seed: options.seed,
    ...traffic,
    bidRateDifference: apart(traffic.alone.bidRate, traffic.twin.bidRate),
    spendDifference: apart(traffic.alone.spendNanos, traffic.twin.spendNanos),
    ...watch,
    overdrawnGrants,
    canaryShareBps: aloneFrom.canaryShareBps,
    reachableAgainS,
    acknowledged: acknowledgedBetween(audit.notices, stoppedAtMs, restoredAtMs),
    lost: audit.lost,
  };
  const faults = faultsOf(report);
  return { ...report, passed: faults.length === 0, faults };
}

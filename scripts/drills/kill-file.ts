import { execFile } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DecisionRecord } from '#domain/contracts';
import { parseScenario } from '#domain/market';
import { findRoot } from '../setup';
import { startStack, type Part, type Stack } from '../stack';
import type { Narrator } from '../story/narrator';
import { waitFor } from '../story/wait-for';
import { readEdge } from './edge-meter';
import { decisionsByRequest } from './edge-outbox';
import { EdgeProbe } from './edge-probe';
import { forgeries, LONG_SCRIPT, SHORT_SCRIPT, shownBy, type Change, type Shown } from './kill-script';
import { beginTheDay } from './local-morning';
import { serveCanary } from './serving-canary';

export interface KillFileOptions {
  /** Folder for the home; it is left there. */
  folder: string;
  seed: number;
  requestsPerSecond: number;
  /** A few changes instead of twenty. */
  short?: boolean;
}

/** One change on one edge: time from the rename of the file to the first response that obeys, and to the last that does not. */
export interface MeasuredChange {
  change: number;
  name: string;
  edge: string;
  responses: number;
  firstObeyingMs: number | null;
  lastDisobeyingMs: number | null;
}

/** A file that must change nothing: responses of all edges while it lay there, and how many showed another level. */
export interface MeasuredForgery {
  name: string;
  level: Shown;
  responses: number;
  changed: number;
}

export interface KillFileReport {
  drill: 'kill-file';
  passed: boolean;
  faults: string[];
  seed: number;
  edges: number;
  /** Parts that were dead all the time, killed with -9. */
  dead: string[];
  changes: number;
  worstMs: number | null;
  rows: MeasuredChange[];
  forgeries: MeasuredForgery[];
  /** What the CLI said to a lift that one operator signed, and how many responses changed after it. */
  oneKeyLift: { exitCode: number; responses: number; changed: number };
  requestsPerSecondPerEdge: number;
  bids: number;
  safeBids: number;
  failures: number;
}

const SCENARIO = 'scenarios/story.json';
const EDGES = 3;
/** The bound of the issue: a change is obeyed within two seconds. */
export const LONGEST_MS = 2000;
/** After a change: the bound and some more, so that a late response is seen. */
const WATCH_MS = 3200;
/** After the last response: its record is on disk by then. */
const SETTLE_MS = 1500;
const CENTRAL: readonly Part[] = ['worker', 'control-plane', 'temporal', 'postgres'];

interface Window {
  fromMs: number;
  untilMs: number;
}
type ChangeWindow = Window & { change: Change };
type FixedWindow = Window & { name: string; shows: Shown };

interface Played {
  changes: ChangeWindow[];
  fixed: FixedWindow[];
  oneKey: FixedWindow & { exitCode: number };
  loadedMs: number;
}

/**
 * The drill: three edges under load serve a canary; worker, control plane, Temporal and Postgres are killed with -9; then operators
 * change the level by `adloop kill`, and somebody else puts files there that no edge may obey.
 */
export async function killFileDrill(options: KillFileOptions, narrator: Narrator): Promise<KillFileReport> {
  const stack = await startStack({
    home: join(options.folder, 'home'),
    parts: CENTRAL,
    edges: EDGES,
    kpiBucketSeconds: 5,
  });
  const scenario = parseScenario(JSON.parse(readFileSync(join(findRoot(), SCENARIO), 'utf8')));
  const probes = Object.entries(stack.urls.edges).map(
    ([edge, url], at) => [edge, new EdgeProbe(url, scenario, options.seed + at, options.requestsPerSecond)] as const,
  );
  try {
    await beginTheDay(stack);
    await Promise.all(probes.map(([edge]) => stack.start(edge)));
    for (const [, probe] of probes) probe.start();
    const rolloutId = await serveCanary(stack);
    await waitFor('a canary on every edge', 120, async () => {
      const readings = await Promise.all(Object.values(stack.urls.edges).map(readEdge));
      return readings.every(({ canaryShareBps }) => canaryShareBps > 0) ? true : null;
    });
    narrator.say(`${EDGES} edges serve the canary of ${rolloutId} at ${options.requestsPerSecond} requests/s each`);
    for (const part of CENTRAL) await stack.killPart(part);
    narrator.say(`kill -9 of ${CENTRAL.join(', ')}`);
    const played = await play(stack, options, narrator);
    for (const [, probe] of probes) await probe.stop();
    await pause(SETTLE_MS);
    return reportOf(options, stack, new Map(probes), played);
  } finally {
    await Promise.all(probes.map(([, probe]) => probe.stop()));
    await stack.stop();
  }
}

async function play(stack: Stack, options: KillFileOptions, narrator: Narrator): Promise<Played> {
  const startedAtMs = Date.now();
  const killFile = join(stack.home.root, 'kill.json');
  const changes: ChangeWindow[] = [];
  for (const change of options.short ? SHORT_SCRIPT : LONG_SCRIPT) {
    const { out } = await kill(stack, [...change.args, '--reason', 'a drill']);
    const { publishedAtMs } = JSON.parse(out) as { publishedAtMs: number };
    await pause(WATCH_MS);
    changes.push({ change, fromMs: publishedAtMs, untilMs: Date.now() });
    narrator.say(`change ${changes.length}: ${change.name}`);
  }
  // The last order lifted everything: an old file like it would start a stopped edge again.
  const lifted = readFileSync(killFile, 'utf8');
  const stop = await kill(stack, ['set', 'stop-bidding', '--key', 'operator-a', '--reason', 'a drill']);
  const stopped = readFileSync(killFile, 'utf8');
  await pause(WATCH_MS);
  const fixed: FixedWindow[] = [];
  const attack = async (old: string, shows: Shown): Promise<void> => {
    for (const { name, text } of forgeries(old, Date.now())) {
      place(killFile, text);
      const fromMs = Date.now();
      await pause(WATCH_MS);
      fixed.push({ name, shows, fromMs, untilMs: Date.now() });
      narrator.say(`a file that is ${name}, while ${shows}`);
    }
    place(killFile, shows === 'stopped' ? stopped : lifted);
  };
  await attack(lifted, 'stopped');
  const fromMs = Date.now();
  const refused = await kill(stack, ['lift', '--key', 'operator-a', '--reason', 'one alone']);
  // The draft put in place by hand, as somebody who knows the format would.
  place(killFile, readFileSync(`${killFile}.draft`, 'utf8'));
  await pause(WATCH_MS);
  const oneKey = { name: 'lift by one operator', shows: 'stopped' as const, fromMs, untilMs: Date.now() };
  place(killFile, stopped);
  const completed = await kill(stack, ['cosign', '--key', 'operator-b']);
  const { publishedAtMs } = JSON.parse(completed.out) as { publishedAtMs: number };
  await pause(WATCH_MS);
  const cosigned: Change = { name: 'lift, second key', args: [], shows: ['champion-alone', 'canary-open'] };
  changes.push({ change: cosigned, fromMs: publishedAtMs, untilMs: Date.now() });
  narrator.say(`one key: exit code ${refused.code}; two keys: bidding again (${stop.code}, ${completed.code})`);
  if (!options.short) await attack(stopped, 'champion-alone');
  return { changes, fixed, oneKey: { ...oneKey, exitCode: refused.code }, loadedMs: Date.now() - startedAtMs };
}

function reportOf(
  options: KillFileOptions,
  stack: Stack,
  probes: ReadonlyMap<string, EdgeProbe>,
  played: Played,
): KillFileReport {
  const rows: MeasuredChange[] = [];
  const fixed = [...played.fixed, played.oneKey].map(({ name, shows }) => ({
    name,
    level: shows,
    responses: 0,
    changed: 0,
  }));
  const firstMs = played.changes[0]!.fromMs;
  const totals = { responses: 0, bids: 0, safeBids: 0, failures: 0 };
  for (const [edge, probe] of probes) {
    const records = decisionsByRequest(stack.home.edge(edge));
    const seen = probe.samples
      .filter(({ receivedAtMs }) => receivedAtMs >= firstMs)
      .map((sample) => ({ ...sample, shows: shownBy(sample, records.get(sample.requestId)) }));
    const inside = ({ fromMs, untilMs }: Window) =>
      seen.filter(({ receivedAtMs, sentAtMs }) => receivedAtMs >= fromMs && sentAtMs <= untilMs);
    played.changes.forEach((window, at) => {
      const responses = inside(window).filter(({ receivedAtMs }) => receivedAtMs <= window.untilMs);
      rows.push({ change: at + 1, edge, ...measure(window, responses), name: window.change.name });
    });
    [...played.fixed, played.oneKey].forEach((window, at) => {
      const responses = inside(window).filter(({ receivedAtMs }) => receivedAtMs <= window.untilMs);
      fixed[at]!.responses += responses.length;
      fixed[at]!.changed += responses.filter(({ shows }) => !sameLevel(shows, window.shows)).length;
    });
    totals.responses += seen.length;
    totals.bids += seen.filter(({ bid }) => bid !== null).length;
    totals.safeBids += seen.filter((sample) => isSafeBid(sample, records.get(sample.requestId))).length;
    totals.failures += probe.failures;
  }
  const { responses: _oneKey, ...oneKeyRow } = fixed.at(-1)!;
  const latencies = rows.map(({ firstObeyingMs, lastDisobeyingMs }) =>
    firstObeyingMs === null ? Infinity : Math.max(firstObeyingMs, lastDisobeyingMs ?? 0),
  );
  const worst = Math.max(...latencies);
  const report = {
    drill: 'kill-file' as const,
    seed: options.seed,
    edges: EDGES,
    dead: CENTRAL.filter((part) => stack.pid(part) === null),
    changes: played.changes.length,
    worstMs: Number.isFinite(worst) ? worst : null,
    rows,
    forgeries: fixed.slice(0, -1),
    oneKeyLift: { exitCode: played.oneKey.exitCode, responses: _oneKey, changed: oneKeyRow.changed },
    requestsPerSecondPerEdge: Math.round(totals.responses / EDGES / (played.loadedMs / 1000)),
    bids: totals.bids,
    safeBids: totals.safeBids,
    failures: totals.failures,
  };
  const faults = faultsOf(report);
  return { ...report, passed: faults.length === 0, faults };
}

type Seen = { receivedAtMs: number; shows: Shown };

function measure({ change, fromMs }: ChangeWindow, responses: readonly Seen[]) {
  const said = responses.filter(({ shows }) => shows !== 'unclear');
  const obeying = said.filter(({ shows }) => change.shows.includes(shows));
  const disobeying = said.filter(({ shows }) => !change.shows.includes(shows));
  return {
    responses: said.length,
    firstObeyingMs: obeying.length === 0 ? null : Math.min(...obeying.map((one) => one.receivedAtMs)) - fromMs,
    lastDisobeyingMs: disobeying.length === 0 ? null : Math.max(...disobeying.map((one) => one.receivedAtMs)) - fromMs,
  };
}

/** A canary that lapses meanwhile is no change of level. */
function sameLevel(shows: Shown, level: Shown): boolean {
  const bids: readonly Shown[] = ['champion-alone', 'canary-open'];
  return shows === level || (bids.includes(shows) && bids.includes(level));
}

/** A response that carries the price that the record calls the campaign's safe bid. */
function isSafeBid(sample: { bid: { price: number } | null }, record: DecisionRecord | undefined): boolean {
  if (sample.bid === null || record?.outputs.agents?.bid.mode !== 'safe') return false;
  return Math.abs(sample.bid.price * 1e6 - record.outputs.bidMicros) <= 1;
}

function faultsOf(report: Omit<KillFileReport, 'faults' | 'passed'>): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || faults.push(what));
  must(report.dead.length === CENTRAL.length, `only ${report.dead.join(', ')} were dead`);
  for (const { change, name, edge, responses, firstObeyingMs, lastDisobeyingMs } of report.rows) {
    const what = `change ${change} (${name}) on ${edge}`;
    must(responses > 0, `${what}: no response says anything`);
    must(firstObeyingMs !== null, `${what}: never obeyed`);
    must((firstObeyingMs ?? 0) <= LONGEST_MS, `${what}: obeyed after ${firstObeyingMs} ms`);
    must((lastDisobeyingMs ?? 0) <= LONGEST_MS, `${what}: still disobeyed after ${lastDisobeyingMs} ms`);
  }
  for (const { name, level, responses, changed } of report.forgeries)
    must(
      responses > 0 && changed === 0,
      `a file that is ${name} changed ${changed} of ${responses} responses (${level})`,
    );
  const { exitCode, responses, changed } = report.oneKeyLift;
  must(exitCode === 4, `a lift by one operator ended with exit code ${exitCode}`);
  must(responses > 0 && changed === 0, `a lift by one operator changed ${changed} of ${responses} responses`);
  must(report.safeBids > 0, 'no response carried a safe bid');
  must(report.failures === 0, `${report.failures} requests got no answer`);
  return faults;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Puts a text where the kill file is, in one step, or takes the file away. */
function place(killFile: string, text: string | null): void {
  if (text === null) return rmSync(killFile, { force: true });
  writeFileSync(`${killFile}.forged`, text);
  renameSync(`${killFile}.forged`, killFile);
}

/** `adloop kill …` as an operator would type it. */
async function kill(stack: Stack, args: string[]): Promise<{ code: number; out: string }> {
  const cli = join(findRoot(), 'dist', 'apps', 'cli', 'src', 'main.js');
  const env = { ...process.env, ADLOOP_HOME: stack.home.root };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [cli, '-o', 'json', 'kill', ...args], { env });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string };
    if (typeof code !== 'number') throw error;
    return { code, out: stdout ?? '' };
  }
}

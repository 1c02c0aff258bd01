import { join } from 'node:path';
import { startStack, type Part, type Stack } from '../stack';
import { auditNotices } from '../story/lost-notices';
import type { Narrator } from '../story/narrator';
import { candidateOf } from '../story/release';
import { StoryApi, type Rollout } from '../story/story-api';
import { waitFor } from '../story/wait-for';
import { readEdge } from './edge-meter';
import { EdgeTee } from './edge-tee';
import { copyHome } from './home-copy';
import { digestBooks, SUM_TABLES, type BookDigest, type PointerRow } from './row-digest';
import { approveRelease, awaitServing, hasEnded, judgedPlan, requestRelease } from './serving-canary';

export interface KillsOptions {
  /** Folder for the two homes; they are left there. */
  folder: string;
  seed: number;
}

/** One part killed with -9 while the canary served. */
export interface Kill {
  part: string;
  oldPid: number;
  newPid: number;
  /** Share of users that the edge gave the canary at the moment of the kill. */
  shareBps: number;
  /** From the kill to the first look after it. */
  resumedS: number;
}

export interface KillsReport {
  drill: 'kills';
  passed: boolean;
  faults: string[];
  seed: number;
  kills: Kill[];
  /** How the rollout ended in the stack that was hit, and in the one that heard the same events in peace. */
  killed: { state: string; verdict: string | null; pointers: PointerRow[]; lost: number };
  unkilled: { state: string; verdict: string | null; pointers: PointerRow[]; lost: number };
  sums: Record<string, { rows: number; killed: string; unkilled: string }>;
}

const SCENARIO = 'scenarios/story.json';
const WARM_UP_DECISIONS = 9000;
/** The canary must outlive three kills. */
const HOLD_SECONDS = 150;
const KILLED_PARTS = ['worker', 'temporal', 'postgres'];
const CENTRAL: Part[] = ['postgres', 'temporal', 'control-plane', 'worker'];

interface Pair {
  killed: Stack;
  unkilled: Stack;
  tee: EdgeTee;
  rolloutId: string;
}

/**
 * The drill: a rollout is brought to its approval; the home is copied; both copies go on, fed the same events by a tee. In one,
 * worker, Temporal and Postgres are killed with -9 in turn while the canary serves. Pointers and sums must end alike.
 */
export async function killsDrill(options: KillsOptions, narrator: Narrator): Promise<KillsReport> {
  const tee = await EdgeTee.listen();
  const stacks: Stack[] = [];
  const open = async (name: string, parts: Part[]): Promise<Stack> => {
    const stack = await startStack({
      home: join(options.folder, name),
      parts,
      kpiBucketSeconds: 5,
      edgeUpstream: tee.url,
      simulator: { scenario: SCENARIO, seed: options.seed },
    });
    stacks.push(stack);
    return stack;
  };
  try {
    const rolloutId = await prepare(await open('killed', CENTRAL), tee, narrator);
    await stacks.pop()!.stop();
    narrator.say('stopped; the home is copied by backup and restore');
    const home = join(options.folder, 'killed');
    await copyHome(home, join(options.folder, 'unkilled'), join(options.folder, 'home.tar.gz'));
    const killed = await open('killed', CENTRAL);
    const unkilled = await open('unkilled', CENTRAL);
    return await play({ killed, unkilled, tee, rolloutId }, options, narrator);
  } finally {
    await Promise.all(stacks.map((stack) => stack.stop()));
    await tee.close();
  }
}

/** Traffic, a better candidate, and a release that waits for its approval. */
async function prepare(stack: Stack, tee: EdgeTee, narrator: Narrator): Promise<string> {
  tee.primary = stack.urls.controlPlane;
  await stack.start('edge-1');
  await stack.start('simulator');
  const api = new StoryApi(stack);
  await waitFor('enough traffic', 300, async () => ((await api.status()).decisions >= WARM_UP_DECISIONS ? true : null));
  const body = { agent: 'bid', windowSeconds: Math.max(10, Math.floor(narrator.seconds())) };
  const { workflowId } = await api.post<{ workflowId: string }>('mila', '/training', body);
  const candidateId = await candidateOf(api, narrator, workflowId);
  const rolloutId = await requestRelease(api, candidateId, judgedPlan(HOLD_SECONDS));
  narrator.say(`rollout ${rolloutId} of ${candidateId} waits for its approval`);
  return rolloutId;
}

async function play(pair: Pair, options: KillsOptions, narrator: Narrator): Promise<KillsReport> {
  const { killed, unkilled, tee, rolloutId } = pair;
  tee.primary = killed.urls.controlPlane;
  tee.mirror = unkilled.urls.controlPlane;
  await killed.start('edge-1');
  await killed.start('simulator');
  const apis = [new StoryApi(killed), new StoryApi(unkilled)] as const;
  // The listener opens its stage first, so that it cannot still be holding when the canary's events end.
  await waitFor('an approval', 60, () => approveRelease(apis[1], rolloutId));
  await waitFor('the stage of the unkilled run', 60, async () => {
    const { state, look } = await apis[1].rollout(rolloutId);
    return state === 'canary' && look > 0 ? true : null;
  });
  await waitFor('an approval', 60, () => approveRelease(apis[0], rolloutId));
  await awaitServing(killed.urls.edge);
  narrator.say('approved in both; the canary serves');
  const kills: Kill[] = [];
  for (const part of KILLED_PARTS) {
    const kill = await killDuringCanary(killed, apis[0], rolloutId, part);
    kills.push(kill);
    const pids = `process ${kill.oldPid}, then ${kill.newPid}`;
    narrator.say(`kill -9 of ${part} (${pids}) at ${kill.shareBps / 100} % share; a look after ${kill.resumedS} s`);
  }
  const ends: Rollout[] = [];
  for (const api of apis) {
    const end = await waitFor('the end of the rollout', 1200, async () => {
      const rollout = await api.rollout(rolloutId);
      return hasEnded(rollout) ? rollout : null;
    });
    ends.push(end);
    narrator.say(`rollout ${end.state}: ${end.reason}`);
  }
  await fetch(`${killed.urls.simulator}/stop`, { method: 'POST' });
  const books = await settledBooks(pair);
  const ackLog = join(killed.home.root, 'simulator', 'acknowledged.ndjson');
  const lost = await Promise.all(
    [killed, unkilled].map(async (stack) => (await auditNotices(ackLog, stack.urls.postgres)).lost),
  );
  return reportOf(options.seed, kills, ends as [Rollout, Rollout], books, lost as [number, number]);
}

async function killDuringCanary(stack: Stack, api: StoryApi, rolloutId: string, part: string): Promise<Kill> {
  const before = await waitFor('two looks of the stage', 120, async () => {
    const rollout = await api.rollout(rolloutId);
    return rollout.state === 'canary' && rollout.look >= 2 ? rollout : null;
  });
  const { canaryShareBps } = await readEdge(stack.urls.edge);
  const oldPid = stack.pid(part) ?? 0;
  const killedAtMs = Date.now();
  await stack.killPart(part);
  const newPid = await stack.start(part);
  await waitFor(`a look after ${part} was killed`, 180, async () => {
    const now = await api.rollout(rolloutId);
    return now.look > before.look + 1 || hasEnded(now) ? true : null;
  });
  const resumedS = Math.round((Date.now() - killedAtMs) / 100) / 10;
  return { part, oldPid, newPid, shareBps: canaryShareBps, resumedS };
}

/** Waits until the edge's outbox and the tee are empty and both books stand still; unequal books are reported, not thrown. */
async function settledBooks({ killed, unkilled, tee }: Pair): Promise<[BookDigest, BookDigest]> {
  const read = (): Promise<[BookDigest, BookDigest]> =>
    Promise.all([digestBooks(killed.urls.postgres), digestBooks(unkilled.urls.postgres)]);
  return waitFor<[BookDigest, BookDigest]>('books that stand still and agree', 90, async () => {
    const { outboxSegments } = await readEdge(killed.urls.edge);
    if (outboxSegments > 0 || tee.pending > 0) return null;
    const [ours, theirs] = await read();
    return JSON.stringify(ours.sums) === JSON.stringify(theirs.sums) ? [ours, theirs] : null;
  }).catch(read);
}

function reportOf(
  seed: number,
  kills: Kill[],
  [ours, theirs]: [Rollout, Rollout],
  [killed, unkilled]: [BookDigest, BookDigest],
  lost: [number, number],
): KillsReport {
  const faults: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || faults.push(what));
  for (const { part, oldPid, newPid, shareBps } of kills) {
    must(shareBps > 0, `the canary's share was 0 when ${part} was killed`);
    must(oldPid > 0 && newPid > 0 && oldPid !== newPid, `${part} was not replaced by another process`);
  }
  must(ours.state === theirs.state, `the rollouts ended ${ours.state} and ${theirs.state}`);
  must(JSON.stringify(killed.pointers) === JSON.stringify(unkilled.pointers), 'the pointers differ');
  const sums: KillsReport['sums'] = {};
  for (const table of SUM_TABLES) {
    const [a, b] = [killed.sums[table]!, unkilled.sums[table]!];
    sums[table] = { rows: a.rows, killed: a.digest, unkilled: b.digest };
    must(a.rows > 0, `${table} is empty: nothing was compared`);
    must(a.digest === b.digest, `${table} differs: ${a.rows} rows against ${b.rows}`);
  }
  must(lost[0] === 0 && lost[1] === 0, `${lost.join(' and ')} acknowledged notices are missing`);
  const side = (end: Rollout, book: BookDigest, missing: number) => {
    return { state: end.state, verdict: end.verdict, pointers: book.pointers, lost: missing };
  };
  return {
    drill: 'kills',
    passed: faults.length === 0,
    faults,
    seed,
    kills,
    killed: side(ours, killed, lost[0]),
    unkilled: side(theirs, unkilled, lost[1]),
    sums,
  };
}

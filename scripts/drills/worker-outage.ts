import { join } from 'node:path';
import { Client } from 'pg';
import { startStack, type Stack } from '../stack';
import { bidChampion } from '../story/artifacts';
import { auditNotices } from '../story/lost-notices';
import type { Narrator } from '../story/narrator';
import { StoryApi, type Rollout } from '../story/story-api';
import { waitFor } from '../story/wait-for';
import { readEdge } from './edge-meter';
import { beginTheDay } from './local-morning';
import { approveRelease, awaitServing, DRILL_SHADOW, hasEnded, requestRelease } from './serving-canary';

export interface WorkerOutageOptions {
  /** Folder for the home; it is left there. */
  folder: string;
  seed: number;
  /** How long no worker runs: longer than all three stages may take together. */
  seconds: number;
}

/** One stored look of the rollout. */
export interface StoredLook {
  stage: number;
  look: number;
  atMs: number;
}

export interface WorkerOutageReport {
  drill: 'worker';
  passed: boolean;
  faults: string[];
  seed: number;
  seconds: number;
  /** Longest time that the three canary stages may take by the plan. */
  stagesSeconds: number;
  shareBpsBefore: number;
  /** From the kill until the edge served the champion alone. */
  canaryEndedS: number | null;
  before: { state: string; stage: number; look: number };
  /** The first look of the new worker, and how far apart its first looks are. */
  firstLook: StoredLook | null;
  resumedS: number | null;
  shortestGapMs: number | null;
  servesAgain: boolean;
  end: { state: string; acknowledged: string[]; timeToSafeMs: number | null };
  lost: number;
}

const SCENARIO = 'scenarios/story.json';
const REQUESTS_PER_SECOND = 60;
const LOOK_EVERY_S = 5;
const STAGE_S = 45;
const SHARES_BPS = [1000, 3000, 5000];
/** A lease lasts two minutes; the edge notices within a second. */
const CANARY_ENDS_WITHIN_S = 125;
const LOOKS_AFTER = 4;

/** Three stages that need no approval and could all be over when the worker comes back; nothing here is proven worse or better. */
const plan = () => ({
  version: 1,
  name: 'drill: worker down for three stages',
  bucketSeconds: 5,
  lookEverySeconds: LOOK_EVERY_S,
  labelMaturitySeconds: 4,
  decisionDeadlineSeconds: 21_600,
  approvalTimeoutSeconds: 600,
  feasibility: 'waived',
  waiverReason: 'a drill: the canary is the champion itself',
  stages: [
    DRILL_SHADOW,
    ...SHARES_BPS.map((shareBps) => ({
      kind: 'canary',
      shareBps,
      holdSeconds: 15,
      minPrimaryEvents: 100,
      minDecisions: 500,
      maxSeconds: STAGE_S,
    })),
  ],
  metrics: [{ metric: 'value', role: 'primary', margin: 0.05, action: 'rollback', prove: true }],
});

/** The drill: the worker dies in the first canary stage and is away for longer than all three stages may last. */
export async function workerOutageDrill(options: WorkerOutageOptions, narrator: Narrator): Promise<WorkerOutageReport> {
  const stack = await startStack({
    home: join(options.folder, 'home'),
    parts: ['postgres', 'temporal', 'control-plane', 'worker'],
    kpiBucketSeconds: 5,
    simulator: { scenario: SCENARIO, seed: options.seed, requestsPerSecond: REQUESTS_PER_SECOND },
  });
  try {
    await beginTheDay(stack);
    await stack.start('edge-1');
    await stack.start('simulator');
    return await play(stack, options, narrator);
  } finally {
    await stack.stop();
  }
}

async function play(stack: Stack, options: WorkerOutageOptions, narrator: Narrator): Promise<WorkerOutageReport> {
  const api = new StoryApi(stack);
  const rolloutId = await requestRelease(api, await bidChampion(api), plan());
  await approveRelease(api, rolloutId);
  await awaitServing(stack.urls.edge);
  const before = await waitFor('a look of the first canary stage', 60, async () => {
    const rollout = await api.rollout(rolloutId);
    return rollout.look >= 1 ? rollout : null;
  });
  const { canaryShareBps: shareBpsBefore } = await readEdge(stack.urls.edge);
  await stack.killPart('worker');
  const killedAtMs = Date.now();
  narrator.say(
    `kill -9 of the worker in stage ${before.stage} at ${shareBpsBefore / 100} %; it stays away for ${options.seconds} s`,
  );
  const looksBefore = await storedLooks(stack, rolloutId);
  const canaryEndedS = await endOfCanary(stack, killedAtMs, options.seconds);
  narrator.say(`the canary ended by itself after ${canaryEndedS ?? '-'} s`);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, killedAtMs + options.seconds * 1000 - Date.now())));
  const idle = await storedLooks(stack, rolloutId);
  const startedAtMs = Date.now();
  await stack.start('worker');
  const after = await waitFor('looks of the new worker', 120, async () => {
    const looks = (await storedLooks(stack, rolloutId)).filter(({ atMs }) => atMs >= startedAtMs);
    return looks.length >= LOOKS_AFTER || hasEnded(await api.rollout(rolloutId)) ? looks : null;
  });
  const servesAgain = await awaitServing(stack.urls.edge).then(
    () => true,
    () => false,
  );
  const end = await endBy(api, rolloutId);
  await fetch(`${stack.urls.simulator}/stop`, { method: 'POST' });
  const ackLog = join(stack.home.root, 'simulator', 'acknowledged.ndjson');
  const audit = () => auditNotices(ackLog, stack.urls.postgres);
  const { lost } = await waitFor('every acknowledged notice', 60, async () => {
    const found = await audit();
    return found.lost === 0 ? found : null;
  }).catch(audit);
  const gaps = after.slice(1).map(({ atMs }, at) => atMs - after[at]!.atMs);
  const report = {
    drill: 'worker' as const,
    seed: options.seed,
    seconds: options.seconds,
    stagesSeconds: STAGE_S * SHARES_BPS.length,
    shareBpsBefore,
    canaryEndedS,
    before: { state: before.state, stage: before.stage, look: before.look },
    firstLook: after[0] ?? null,
    resumedS: after[0] ? (after[0].atMs - startedAtMs) / 1000 : null,
    shortestGapMs: gaps.length === 0 ? null : Math.min(...gaps),
    servesAgain,
    end,
    lost,
  };
  const faults = faultsOf(report, looksBefore.length, idle.length);
  return { ...report, passed: faults.length === 0, faults };
}

async function endOfCanary(stack: Stack, killedAtMs: number, seconds: number): Promise<number | null> {
  const until = killedAtMs + seconds * 1000;
  while (Date.now() < until) {
    const reading = await readEdge(stack.urls.edge);
    if (reading.canaryShareBps === 0) return (reading.atMs - killedAtMs) / 1000;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return null;
}

async function endBy(api: StoryApi, rolloutId: string): Promise<WorkerOutageReport['end']> {
  const path = `/rollouts/${encodeURIComponent(rolloutId)}`;
  if (!hasEnded(await api.rollout(rolloutId)))
    await api.post('oscar', `${path}/abort`, { reason: 'the drill is over' });
  const ended = await waitFor<Rollout>('the end of the rollout', 120, async () => {
    const rollout = await api.rollout(rolloutId);
    return hasEnded(rollout) ? rollout : null;
  });
  const safe = (ended.view as { safe: { acknowledged: string[]; timeToSafeMs: number } | null } | null)?.safe ?? null;
  return { state: ended.state, acknowledged: safe?.acknowledged ?? [], timeToSafeMs: safe?.timeToSafeMs ?? null };
}

async function storedLooks(stack: Stack, rolloutId: string): Promise<StoredLook[]> {
  const client = new Client({ connectionString: stack.urls.postgres });
  await client.connect();
  try {
    const { rows } = await client.query<{ stage: number; look: number; at: Date }>(
      'SELECT stage, look, at FROM look WHERE rollout_id = $1 ORDER BY at',
      [rolloutId],
    );
    return rows.map(({ stage, look, at }) => ({ stage, look, atMs: at.getTime() }));
  } finally {
    await client.end();
  }
}

function faultsOf(
  report: Omit<WorkerOutageReport, 'faults' | 'passed'>,
  looksBefore: number,
  looksIdle: number,
): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || faults.push(what));
  const { before, firstLook, canaryEndedS, shortestGapMs } = report;
  must(
    report.seconds > report.stagesSeconds,
    `${report.seconds} s are no longer than the stages' ${report.stagesSeconds} s`,
  );
  must(report.shareBpsBefore > 0, 'no canary served when the worker died');
  must(
    canaryEndedS !== null && canaryEndedS <= CANARY_ENDS_WITHIN_S,
    `the canary ended after ${canaryEndedS ?? '-'} s`,
  );
  must(looksIdle === looksBefore, `${looksIdle - looksBefore} looks were stored without a worker`);
  must(firstLook !== null, 'the new worker took no look');
  // Overdue steps fold into one evaluation: the same stage, the next look, and the usual time to the one after.
  must(firstLook?.stage === before.stage, `the first look was of stage ${firstLook?.stage}, not ${before.stage}`);
  must((firstLook?.look ?? 0) === looksBefore + 1, `look ${firstLook?.look} followed ${looksBefore}`);
  must(shortestGapMs === null || shortestGapMs >= 0.8 * LOOK_EVERY_S * 1000, `looks only ${shortestGapMs} ms apart`);
  must(report.servesAgain || report.end.state === 'rolled-back', 'the canary neither serves again nor was rolled back');
  must(report.end.acknowledged.length === 1, 'the edge did not say that it serves the safe version');
  must(report.lost === 0, `${report.lost} acknowledged notices are missing`);
  return faults;
}

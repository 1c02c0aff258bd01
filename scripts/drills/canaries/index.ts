import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FEATURE_NAMES } from '#domain/features';
import type { WinModel } from '#domain/learning';
import { compareArms, parseScenario, type MarketReport } from '#domain/market';
import { hashText } from '#domain/random';
import { shippedArm } from '../../simulate/arms';
import { findRoot } from '../../setup';
import { inferWith } from '../../ship/train-on-market';
import { startStack, type Part, type Stack } from '../../stack';
import { bidArtifact, bidChampion } from '../../story/artifacts';
import type { Narrator } from '../../story/narrator';
import { StoryApi, type TrainingRun } from '../../story/story-api';
import { StoryError, waitFor } from '../../story/wait-for';
import { beginTheDay } from '../local-morning';
import { liveThrough, setRate, type CanaryLife, type LifeOptions } from './canary-life';
import { exposureOf } from './exposure';
import { decisionP99Us, usPerLayer } from './latency';
import { CALM_PER_EDGE, plantCanaries, type BadKind, type PlannedCanary } from './planted';
import { judgeCanaries, type CanariesReport, type CanaryRow } from './report';

export interface CanariesOptions {
  /** Folder for the home; it is left there. */
  folder: string;
  seed: number;
  kinds: readonly BadKind[];
  /** Sizes of each kind: 4 kinds × 5 sizes are the 20 of the issue, beside as many healthy ones. */
  sizes: number;
  /** Requests per second of each edge while canaries serve. */
  ratePerEdge: number;
  catchWithinS: number;
  watchS: number;
}

export const CANARY_EDGES = 3;
const SCENARIO = 'scenarios/drill.json';
/** Rows of the gates' window, all from calm traffic: a fault that is awake in them would not pass. */
const WINDOW_S = 60;
const CALM_BEFORE_S = 80;
const FIRST_DECISIONS = 500;
const CENTRAL: readonly Part[] = ['postgres', 'temporal', 'control-plane', 'worker'];
const LATENCY_SAMPLE_S = 20;
/** Compilers and caches of three fresh edges: before, the p99 is five times what it is then. */
const WARM_UP_MS = 40_000;
/** On a machine that is busy with other things the p99 says nothing about the model: no candidate is slowed by multiples of more than this. */
const LONGEST_P99_US = 8000;
/** Longest that one candidate's gates may take; faults sleep there, so a slow one takes no longer than others. */
const GATES_S = 900;
const TRUTH_AUCTIONS = 5000;
/** Time that records need from an edge to the database. */
const SHIPPING_MS = 10_000;

type Registered = PlannedCanary & { modelVersionId: string };

/**
 * The drill: three edges, real parts, a market of many users; bad candidates whose fault sleeps in the gates and wakes in live traffic,
 * and healthy ones beside them, each released in turn as a 4 % canary.
 */
export async function canariesDrill(options: CanariesOptions, narrator: Narrator): Promise<CanariesReport> {
  const calmRate = 0.8 * CALM_PER_EDGE * CANARY_EDGES;
  const fullRate = options.ratePerEdge * CANARY_EDGES;
  const stack = await startStack({
    home: join(options.folder, 'home'),
    parts: CENTRAL,
    edges: CANARY_EDGES,
    kpiBucketSeconds: 5,
    simulator: { scenario: SCENARIO, seed: options.seed, requestsPerSecond: fullRate, everyEdge: true },
    // The meta-agent's own drill is elsewhere: here nothing but the rollout may end a canary.
    env: { GATE_SCENARIO: SCENARIO, META_TICK_SECONDS: '3600' },
  });
  try {
    await beginTheDay(stack);
    await Promise.all(Object.keys(stack.urls.edges).map((edge) => stack.start(edge)));
    await stack.start('simulator');
    const api = new StoryApi(stack);
    await waitFor('enough traffic', 300, async () => ((await api.status()).decisions >= FIRST_DECISIONS ? true : null));
    const candidates = await register(stack, api, options, calmRate, narrator);
    const lives = await liveOneAfterTheOther(stack, api, candidates, options, calmRate, narrator);
    await new Promise((resolve) => setTimeout(resolve, SHIPPING_MS));
    return judgeCanaries(options, await rowsOf(stack, lives));
  } finally {
    await stack.stop();
  }
}

/** Makes every candidate and brings it through the gates, as anybody's model would come, while traffic is calm. */
async function register(
  stack: Stack,
  api: StoryApi,
  options: CanariesOptions,
  calmRate: number,
  narrator: Narrator,
): Promise<Registered[]> {
  const champion = await bidArtifact(api, stack.home.root, await bidChampion(api));
  const homes = Object.keys(stack.urls.edges).map((edge) => stack.home.edge(edge));
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const championP99Us = await decisionP99Us(homes, LATENCY_SAMPLE_S);
  await setRate(stack, calmRate);
  const layerUs = await usPerLayer(champion.model);
  narrator.say(
    `the champion's p99 of a decision is ${Math.round(championP99Us)} µs; a layer takes ${layerUs.toFixed(1)} µs`,
  );
  const planned = plantCanaries({
    champion: champion.model,
    commonExchange: FEATURE_NAMES.indexOf('exchange0') + (hashText('demo') % 4),
    kinds: options.kinds,
    sizes: options.sizes,
    seed: options.seed,
    championP99Us: Math.min(championP99Us, LONGEST_P99_US),
    usPerLayer: layerUs,
  });
  await new Promise((resolve) => setTimeout(resolve, 1000 * CALM_BEFORE_S));
  const registered: Registered[] = [];
  for (const candidate of planned) {
    const body = {
      agent: 'bid',
      onnxBase64: Buffer.from(candidate.bytes).toString('base64'),
      windowSeconds: WINDOW_S,
      note: `drill: ${candidate.name}`,
    };
    const { workflowId } = await api.post<{ workflowId: string }>('mila', '/models', body);
    registered.push({ ...candidate, modelVersionId: await gated(api, workflowId, candidate.name) });
  }
  narrator.say(`${registered.length} candidates have passed the gates`);
  return registered;
}

async function gated(api: StoryApi, workflowId: string, name: string): Promise<string> {
  const run = await waitFor<TrainingRun>(`the gates of ${name}`, GATES_S, async () => {
    const now = await api.training(workflowId);
    return ['finished', 'failed', 'cancelled'].includes(now.step) ? now : null;
  });
  if (!run.candidateId || run.view.passed !== true)
    throw new StoryError(`${name} did not pass the gates: ${run.code ?? ''} ${run.view.reason}`);
  return run.candidateId;
}

type Lived = Registered & { life: CanaryLife; truth: MarketReport | null };

async function liveOneAfterTheOther(
  stack: Stack,
  api: StoryApi,
  candidates: readonly Registered[],
  options: CanariesOptions,
  calmRate: number,
  narrator: Narrator,
): Promise<Lived[]> {
  const { catchWithinS, watchS } = options;
  const life: LifeOptions = { calmRate, fullRate: options.ratePerEdge * CANARY_EDGES, catchWithinS, watchS };
  const { model: champion } = await bidArtifact(api, stack.home.root, await bidChampion(api));
  const lived: Lived[] = [];
  for (const candidate of candidates) {
    narrator.say(`${lived.length + 1} of ${candidates.length}: ${candidate.name}`);
    const one = await liveThrough(stack, api, candidate, life, narrator);
    narrator.say(`  ${one.state}: ${one.reason}`);
    lived.push({ ...candidate, life: one, truth: candidate.model && (await truthOf(champion, candidate.model)) });
  }
  return lived;
}

/** What the candidate does to the awake market, by the simulator: same users, same rivals, true click probabilities. */
async function truthOf(champion: WinModel, candidate: WinModel): Promise<MarketReport> {
  const scenario = parseScenario(JSON.parse(readFileSync(join(findRoot(), SCENARIO), 'utf8')));
  const { snapshot } = shippedArm(findRoot());
  const arm = (model: WinModel) => ({ snapshot, infer: inferWith(model) });
  const arms = { champion: arm(champion), candidate: arm(candidate) };
  return compareArms(scenario, arms, [101], { auctions: TRUTH_AUCTIONS, regime: 'surge' });
}

async function rowsOf(stack: Stack, lives: readonly Lived[]): Promise<CanaryRow[]> {
  const rows: CanaryRow[] = [];
  for (const { name, kind, size, life, truth } of lives) {
    const exposure = await exposureOf(stack.urls.postgres, life.rolloutId, life.safe?.safeAtMs ?? life.endedAtMs);
    const spend = truth && truth.candidate.spendNanos / truth.champion.spendNanos - 1;
    rows.push({ name, kind, size, trueValueEffect: truth?.effect ?? null, trueSpendEffect: spend, life, exposure });
  }
  return rows;
}

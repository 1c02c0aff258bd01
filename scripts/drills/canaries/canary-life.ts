import type { Stack } from '../../stack';
import type { Narrator } from '../../story/narrator';
import type { Rollout, StoryApi } from '../../story/story-api';
import { StoryError, waitFor } from '../../story/wait-for';
import { approveRelease, DRILL_SHADOW, hasEnded, requestRelease } from '../serving-canary';
import type { PlannedCanary } from './planted';

/** Share of users in each canary: 5 % is what a canary may cost, and the share of users is not quite that of decisions. */
export const CANARY_SHARE_BPS = 400;
/** The rate falls by e in ten seconds in an edge's own meter. */
const SETTLE_MS = 12_000;

export interface LifeOptions {
  /** Requests per second of the whole market: faults sleep at one and are awake at the other. */
  calmRate: number;
  fullRate: number;
  /** How long a bad canary may go uncaught, and how long a healthy one is watched, seconds. */
  catchWithinS: number;
  watchS: number;
}

/** How one canary lived and ended. Times are the control plane's, ms. */
export interface CanaryLife {
  rolloutId: string;
  state: string;
  verdict: string | null;
  reason: string;
  safe: {
    verdictAtMs: number;
    safeAtMs: number;
    timeToSafeMs: number;
    acknowledged: string[];
    stragglers: string[];
  } | null;
  /** Edges that put the Bid agent in quarantine while it lived, by their own word. */
  quarantinedOn: string[];
  servedFromMs: number;
  endedAtMs: number;
  /** The drill's own operator ended it: its time was over. */
  endedByDrill: boolean;
}

/** Judged as in production, in minutes; the hold is longer than the drill, so that nothing is promoted and every canary meets the same champion. */
const planOf = (name: string): Record<string, unknown> => ({
  version: 1,
  name: `drill: ${name}`,
  alpha: 0.05,
  bucketSeconds: 5,
  lookEverySeconds: 5,
  labelMaturitySeconds: 4,
  decisionDeadlineSeconds: 21_600,
  approvalTimeoutSeconds: 600,
  designEffect: { better: 0.3, worse: -0.3 },
  feasibility: 'waived',
  waiverReason: 'a drill: canaries are watched for minutes and never promoted',
  stages: [
    DRILL_SHADOW,
    {
      kind: 'canary',
      shareBps: CANARY_SHARE_BPS,
      holdSeconds: 14_400,
      minPrimaryEvents: 100,
      minDecisions: 1000,
      maxSeconds: 21_600,
    },
  ],
  metrics: [
    { metric: 'value', role: 'primary', margin: 0.05, action: 'rollback', prove: true },
    { metric: 'cpc', role: 'guardrail', margin: 0.05, action: 'rollback' },
  ],
});

export async function setRate(stack: Stack, requestsPerSecond: number): Promise<void> {
  const response = await fetch(`${stack.urls.simulator}/rate`, {
    method: 'POST',
    body: JSON.stringify({ requestsPerSecond }),
  });
  if (!response.ok) throw new Error(`the simulator answers ${response.status}`);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Releases one candidate: shadow in calm traffic, approval, then a canary while the traffic grows and wakes what sleeps in it. A bad one
 * is waited for until it is caught, a healthy one for its time.
 */
export async function liveThrough(
  stack: Stack,
  api: StoryApi,
  candidate: PlannedCanary & { modelVersionId: string },
  options: LifeOptions,
  narrator: Narrator,
): Promise<CanaryLife> {
  await setRate(stack, options.calmRate);
  await sleep(SETTLE_MS);
  let rolloutId: string;
  try {
    rolloutId = await requestRelease(api, candidate.modelVersionId, planOf(candidate.name));
  } catch (error) {
    if (!(error instanceof StoryError)) throw error;
    return neverServed(error.message);
  }
  await approveRelease(api, rolloutId);
  await setRate(stack, options.fullRate);
  const serving = await waitFor('a serving canary', 120, async () => {
    const now = await api.rollout(rolloutId);
    return hasEnded(now) || now.state === 'canary' ? now : null;
  });
  narrator.say(`  ${candidate.name} (${candidate.size}): ${serving.state}, ${rolloutId}`);
  return watch(api, rolloutId, candidate.kind === 'healthy' ? options.watchS : options.catchWithinS);
}

const neverServed = (reason: string): CanaryLife => ({
  rolloutId: '',
  state: 'never-served',
  verdict: null,
  reason,
  safe: null,
  quarantinedOn: [],
  servedFromMs: Date.now(),
  endedAtMs: Date.now(),
  endedByDrill: false,
});

async function watch(api: StoryApi, rolloutId: string, seconds: number): Promise<CanaryLife> {
  const servedFromMs = Date.now();
  const quarantined = new Set<string>();
  let endedByDrill = false;
  const end = await waitFor<Rollout>(`the end of ${rolloutId}`, seconds + 180, async () => {
    const now = await api.rollout(rolloutId);
    if (hasEnded(now)) return now;
    const { items } = await api.get<{ items: { edgeId: string; quarantinedAgents: string[] }[] }>('/edges');
    for (const edge of items) if (edge.quarantinedAgents.length > 0) quarantined.add(edge.edgeId);
    if (!endedByDrill && Date.now() - servedFromMs > seconds * 1000) {
      endedByDrill = true;
      await api.post('oscar', `/rollouts/${encodeURIComponent(rolloutId)}/abort`, { reason: 'its time is over' });
    }
    return null;
  });
  const safe = (end.view as { safe: CanaryLife['safe'] } | null)?.safe ?? null;
  return {
    rolloutId,
    state: end.state,
    verdict: end.verdict,
    reason: end.reason,
    safe,
    quarantinedOn: [...quarantined].sort(),
    servedFromMs,
    endedAtMs: Date.now(),
    endedByDrill,
  };
}

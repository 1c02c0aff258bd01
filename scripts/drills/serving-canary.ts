import { FINAL_ROLLOUT_STATES } from '#domain/contracts/rollout';
import type { Stack } from '../stack';
import { bidChampion } from '../story/artifacts';
import { StoryApi, type Rollout } from '../story/story-api';
import { StoryError, waitFor } from '../story/wait-for';
import { readEdge } from './edge-meter';

/** Share of users in the drills' canaries, basis points. */
export const DRILL_SHARE_BPS = 3000;
const ENDED = new Set<string>(FINAL_ROLLOUT_STATES);

export const hasEnded = ({ state }: Rollout): boolean => ENDED.has(state);

/** Shadow stage of a drill: short, and ended by an approval. */
export const DRILL_SHADOW = {
  kind: 'shadow',
  shareBps: 5000,
  holdSeconds: 5,
  minPrimaryEvents: 0,
  minDecisions: 50,
  maxSeconds: 120,
  approval: true,
};

const drillPlan = (name: string, canary: { shareBps: number; holdSeconds: number; maxSeconds: number }) => ({
  version: 1,
  name,
  bucketSeconds: 5,
  lookEverySeconds: 5,
  labelMaturitySeconds: 4,
  decisionDeadlineSeconds: 21_600,
  approvalTimeoutSeconds: 600,
  stages: [DRILL_SHADOW, { kind: 'canary', minPrimaryEvents: 100, minDecisions: 1000, ...canary }],
});

/** A plan whose canary serves for hours: the drill, not the verdict, ends it. */
export const servingPlan = () => ({
  ...drillPlan('drill', { shareBps: DRILL_SHARE_BPS, holdSeconds: 14_400, maxSeconds: 21_600 }),
  feasibility: 'waived',
  waiverReason: 'a drill: the canary is the champion itself and is not to be judged',
  metrics: [{ metric: 'value', role: 'primary', margin: 0.05, action: 'warn', prove: true }],
});

/** A plan that is judged as in production, but holds its one canary stage for `holdSeconds`, so that there is time to break things. */
export const judgedPlan = (holdSeconds: number) => ({
  ...drillPlan('drill, judged', { shareBps: 5000, holdSeconds, maxSeconds: 900 }),
  alpha: 0.05,
  designEffect: { better: 0.3, worse: -0.3 },
  metrics: [{ metric: 'value', role: 'primary', margin: 0.05, action: 'rollback', prove: true }],
  // Only a registered segment is summed, and its sums are among those that the drill compares.
  segmentGuardrails: [{ by: 'exchange', value: 'demo', metric: 'value', margin: 0.5, action: 'rollback' }],
});

/** Asks for a release and waits until its shadow has passed and it waits for an approval. @throws StoryError when it ends before */
export async function requestRelease(api: StoryApi, modelVersionId: string, plan: unknown): Promise<string> {
  const body = { agent: 'bid', modelVersionId, plan };
  const { rolloutId } = await waitFor('a release is accepted', 90, () =>
    api.post<{ rolloutId: string }>('mila', '/rollouts', body),
  );
  await waitFor('the shadow of the release', 180, async () => {
    const rollout = await api.rollout(rolloutId);
    if (hasEnded(rollout)) throw new StoryError(`the rollout ended ${rollout.state}: ${rollout.reason}`);
    return rollout.state === 'awaiting-approval' ? true : null;
  });
  return rolloutId;
}

export const approveRelease = (api: StoryApi, rolloutId: string): Promise<unknown> =>
  api.post('alice', `/rollouts/${encodeURIComponent(rolloutId)}/approvals`, { reason: 'the drill needs a canary' });

/** Waits until the edge really serves a share of its users from the canary. */
export async function awaitServing(edgeUrl: string): Promise<void> {
  await waitFor('a serving canary', 180, async () => ((await readEdge(edgeUrl)).canaryShareBps > 0 ? true : null));
}

/** Releases the serving champion once more (an A/A) and answers the rollout's id once the edge serves it to a share of users. */
export async function serveCanary(stack: Stack): Promise<string> {
  const api = new StoryApi(stack);
  const rolloutId = await requestRelease(api, await bidChampion(api), servingPlan());
  await approveRelease(api, rolloutId);
  await awaitServing(stack.urls.edge);
  return rolloutId;
}

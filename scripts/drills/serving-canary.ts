import type { Stack } from '../stack';
import { bidChampion } from '../story/artifacts';
import { StoryApi } from '../story/story-api';
import { StoryError, waitFor } from '../story/wait-for';
import { readEdge } from './edge-meter';

/** Share of users in the drill's canary, basis points. */
export const DRILL_SHARE_BPS = 3000;
const ENDED = new Set(['promoted', 'rolled-back', 'aborted', 'rejected', 'refused']);

/** A plan whose canary serves for hours: the drill, not the verdict, ends it. */
const drillPlan = () => ({
  version: 1,
  name: 'drill',
  bucketSeconds: 5,
  lookEverySeconds: 5,
  labelMaturitySeconds: 4,
  decisionDeadlineSeconds: 21_600,
  approvalTimeoutSeconds: 600,
  feasibility: 'waived',
  waiverReason: 'a drill: the canary is the champion itself and is not to be judged',
  stages: [
    {
      kind: 'shadow',
      shareBps: 5000,
      holdSeconds: 5,
      minPrimaryEvents: 0,
      minDecisions: 50,
      maxSeconds: 120,
      approval: true,
    },
    {
      kind: 'canary',
      shareBps: DRILL_SHARE_BPS,
      holdSeconds: 14_400,
      minPrimaryEvents: 100,
      minDecisions: 1000,
      maxSeconds: 21_600,
    },
  ],
  metrics: [{ metric: 'value', role: 'primary', margin: 0.05, action: 'warn', prove: true }],
});

/**
 * Releases `modelVersionId` (default: the serving champion again, an A/A) and answers the rollout's id once the first edge really
 * serves it to a share of users. @throws StoryError when the rollout ends before that
 */
export async function serveCanary(stack: Stack, modelVersionId?: string, plan: unknown = drillPlan()): Promise<string> {
  const api = new StoryApi(stack);
  const candidate = modelVersionId ?? (await bidChampion(api));
  const body = { agent: 'bid', modelVersionId: candidate, plan };
  const { rolloutId } = await waitFor('a release is accepted', 90, () =>
    api.post<{ rolloutId: string }>('mila', '/rollouts', body),
  );
  let approved = false;
  await waitFor('a serving canary', 180, async () => {
    const rollout = await api.rollout(rolloutId);
    if (ENDED.has(rollout.state)) throw new StoryError(`the rollout ended ${rollout.state}: ${rollout.reason}`);
    if (rollout.state === 'awaiting-approval' && rollout.shareBps === 0 && !approved) {
      await api.post('alice', `/rollouts/${rolloutId}/approvals`, { reason: 'the drill needs a canary' });
      approved = true;
    }
    return (await readEdge(stack.urls.edge)).canaryShareBps > 0 ? true : null;
  });
  return rolloutId;
}

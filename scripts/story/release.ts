import { FINAL_ROLLOUT_STATES } from '#domain/contracts/rollout';
import type { Stack } from '../stack';
import type { Narrator } from './narrator';
import type { Rollout, StoryApi, TrainingRun } from './story-api';
import { storyPlan } from './story-plan';
import { StoryError, waitFor } from './wait-for';

const TRAINING_SECONDS = 180;
const ROLLOUT_SECONDS = 600;
const ENDED = new Set<string>(FINAL_ROLLOUT_STATES);

/** Waits for a training run and tells its gates. @throws StoryError when it refuses its candidate */
export async function candidateOf(api: StoryApi, narrator: Narrator, workflowId: string): Promise<string> {
  let step = '';
  const run = await waitFor<TrainingRun>(`the end of ${workflowId}`, TRAINING_SECONDS, async () => {
    const now = await api.training(workflowId);
    if (now.step !== step) narrator.say(`  training: ${now.step}`);
    step = now.step;
    return ['finished', 'failed', 'cancelled'].includes(now.step) ? now : null;
  });
  for (const gate of run.view.gates)
    narrator.say(`  gate ${gate.gate}: ${gate.passed ? 'passed' : 'REFUSED'}, ${gate.reason}`);
  if (!run.candidateId || run.view.passed !== true)
    throw new StoryError(`no candidate: ${run.code ?? ''} ${run.view.reason}`);
  return run.candidateId;
}

export interface Release {
  rollout: Rollout;
  verdicts: string[];
}

interface ReleaseOptions {
  modelVersionId: string;
  approver: string;
  name: string;
  /** Called once, when the first canary stage has been looked at. */
  duringCanary?: (rolloutId: string) => Promise<void>;
  /** Ends a rollout that waits for a human at its horizon. */
  abortWhenInconclusive?: boolean;
}

/** One release: requested by the ML lead, approved by a release manager on the shadow's evidence, watched to its end. */
export async function release(
  stack: Stack,
  api: StoryApi,
  narrator: Narrator,
  options: ReleaseOptions,
): Promise<Release> {
  const plan = storyPlan(options.name);
  const body = { agent: 'bid', modelVersionId: options.modelVersionId, plan };
  const { rolloutId } = await api.post<{ rolloutId: string }>('mila', '/rollouts', body);
  narrator.say(`rollout ${rolloutId} of ${options.modelVersionId}, requested by mila`);
  const watch = { approved: false, acted: false, line: '' };
  const verdicts: string[] = [];
  const rollout = await waitFor<Rollout>(`the end of ${rolloutId}`, ROLLOUT_SECONDS, async () => {
    const now = await api.rollout(rolloutId);
    tell(narrator, now, watch);
    if (now.verdict && verdicts.at(-1) !== now.verdict) verdicts.push(now.verdict);
    if (ENDED.has(now.state)) return now;
    await act(api, narrator, now, watch, options);
    return null;
  });
  return { rollout, verdicts };
}

interface Watch {
  approved: boolean;
  acted: boolean;
  line: string;
}

function tell(narrator: Narrator, now: Rollout, watch: Watch): void {
  const line = `${now.state}, stage ${now.stage} at ${now.shareBps / 100} %, verdict ${now.verdict ?? 'none yet'}`;
  if (line !== watch.line) narrator.say(`  ${line}${now.reason ? `: ${now.reason}` : ''}`);
  watch.line = line;
}

async function act(
  api: StoryApi,
  narrator: Narrator,
  now: Rollout,
  watch: Watch,
  options: ReleaseOptions,
): Promise<void> {
  const path = `/rollouts/${encodeURIComponent(now.rolloutId)}`;
  if (now.state === 'awaiting-approval' && now.shareBps === 0 && !watch.approved) {
    await api.post(options.approver, `${path}/approvals`, { reason: `shadow evidence read by ${options.approver}` });
    watch.approved = true;
    narrator.say(`  ${options.approver} approves: ${now.reason}`);
  }
  if (now.state === 'canary' && now.look >= 2 && !watch.acted) {
    watch.acted = true;
    await options.duringCanary?.(now.rolloutId);
  }
  if (options.abortWhenInconclusive && now.shareBps > 0 && now.state === 'awaiting-approval') {
    await api.post('oscar', `${path}/abort`, { reason: 'inconclusive at the horizon: not shipped without a proof' });
  }
}

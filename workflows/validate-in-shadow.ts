import {
  CancellationScope,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { judgeShadow, judgeShadowAlone } from './rollout/shadow-verdict';
import { shadowEvidence, type ShadowEvidence, type ValidateInShadowInput } from './messages';
import { acknowledgements, idempotentWrites, reads } from './proxies';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from './search-attributes';

/**
 * Lets the candidate decide without effect on a sample of live requests and judges what it would have done: errors,
 * prices out of bounds, latency beside the champion's, predictions of wins. Value is the canary's question, because no outcome
 * follows a shadow's decision; the paired differences are shown to whoever approves.
 */
export async function validateInShadow(input: ValidateInShadowInput): Promise<ShadowEvidence> {
  let evidence: ShadowEvidence | null = null;
  setHandler(shadowEvidence, () => evidence);
  const show = () => {
    setCurrentDetails(
      `### Shadow of rollout ${input.rolloutId}\n${evidence === null ? 'no evidence yet' : evidence.reason}`,
    );
    upsertSearchAttributes([
      { key: FLEET_KEY, value: input.fleet },
      { key: AGENT_KEY, value: input.agent },
      { key: REQUESTED_BY_KEY, value: input.requestedBy },
      { key: STAGE_KEY, value: 'shadow' },
      { key: VERDICT_KEY, value: evidence?.verdict ?? 'none' },
    ]);
  };
  show();
  try {
    evidence = await watchShadow(input, (next) => {
      evidence = next;
      show();
    });
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => serveShadow(input, 0));
    throw error;
  }
  await serveShadow(input, 0);
  return evidence;
}

const serveShadow = (input: ValidateInShadowInput, sampleBps: number) =>
  idempotentWrites.serveShadow.executeWithOptions({ summary: `shadow on ${sampleBps / 100} % of requests` }, [
    { rolloutId: input.rolloutId, sampleBps },
  ]);

async function watchShadow(
  input: ValidateInShadowInput,
  onLook: (evidence: ShadowEvidence) => void,
): Promise<ShadowEvidence> {
  const stage = input.plan.stages[input.stage];
  // A shadow that began under the old rule ends under it: the verdict decides which commands follow.
  const judge = patched('shadow-judged-in-pairs') ? judgeShadow : judgeShadowAlone;
  const { version } = await serveShadow(input, stage.shareBps);
  const openedAtMs = Date.now();
  await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: Math.min(60, stage.maxSeconds) });
  const sinceMs = Date.now();
  await sleep(stage.holdSeconds * 1000, { summary: 'minimum hold of the shadow stage' });
  for (;;) {
    const summary = await reads.summariseShadow({ rolloutId: input.rolloutId, sinceMs });
    const isLast = Date.now() - openedAtMs >= stage.maxSeconds * 1000;
    const evidence = judge(summary, stage, isLast);
    onLook(evidence);
    if (evidence.verdict !== 'continue') return evidence;
    await sleep(input.plan.lookEverySeconds * 1000, { summary: 'until the next shadow look' });
  }
}

import { nameOfArm } from '#domain/experiment/subject';
import type { ExperimentView, RunExperimentInput } from './messages';

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
const at = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

/** Current details of an experiment, Markdown: enough for an on-call engineer alone. */
export function experimentDetails(view: ExperimentView, { plan }: RunExperimentInput): string {
  const share = plan.treatmentShareBps / 10_000;
  const lines = [
    `### ${plan.name}: ${nameOfArm(view.subject.treatment)} against ${nameOfArm(view.subject.control)} in ${view.fleet}/${view.cell}`,
    `**${view.state}**${view.result === null ? '' : `: **${view.result}**`}` +
      (view.waitingFor === null ? '' : `, waiting for ${view.waitingFor}`),
    `- treatment ${percent(share)} of users, control the rest; ${view.shareBps > 0 ? 'serving' : 'both on the champion now'}`,
    `- primary ${plan.primary}, alpha ${plan.alpha}, guardrails ${plan.guardrails.map((g) => g.metric).join(', ') || 'none'}`,
    `- period ${view.period}, look ${view.look}, guard ${view.guard}, verdict ${view.verdict ?? 'none yet'}` +
      (view.horizonAtMs === null ? '' : `, horizon ${at(view.horizonAtMs)}`),
    `- why: ${view.reason}`,
    `- registered by ${view.requestedBy} as ${view.planDigest.slice(0, 12)}; it never promotes anything`,
    ...view.faults.map((fault) => `- fault ${fault.code} at ${fault.pointer}: ${fault.detail}`),
  ];
  if (view.power !== null)
    lines.push(
      `- at the start: effects from ${percent(view.power.minimalDetectableEffect)} are found at the horizon (95 % power)`,
    );
  if (view.safe !== null)
    lines.push(
      `- both arms on the champion after ${view.safe.timeToSafeMs} ms; acknowledged by ${view.safe.acknowledged.join(', ') || 'nobody'}` +
        (view.safe.stragglers.length === 0 ? '' : `; **stragglers: ${view.safe.stragglers.join(', ')}**`),
    );
  return lines.join('\n');
}

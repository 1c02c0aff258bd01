import type { RollOutPolicyInput, RolloutView } from '../messages';

const percent = (bps: number): string => `${bps / 100} %`;

/** The rollout as markdown for "current details" of the Temporal UI: enough for an on-call engineer alone. */
export function rolloutDetails(view: RolloutView, input: RollOutPolicyInput): string {
  const stages = input.plan.stages
    .map(
      (stage, index) =>
        `${index === view.stage ? '**' : ''}${stage.kind} ${percent(stage.shareBps)}${index === view.stage ? '**' : ''}`,
    )
    .join(' → ');
  const lines = [
    `### ${view.agent}: ${view.candidateId} in ${view.fleet}/${view.cell}`,
    `**${view.state}**${view.waitingFor === null ? '' : `, waiting for ${view.waitingFor}`} · ${stages}`,
    `- serving share ${percent(view.shareBps)}, guard ${view.guard}, look ${view.look}, verdict ${view.verdict ?? 'none yet'}`,
    `- why: ${view.reason}`,
    `- requested by ${view.requestedBy}; roll-back target ${view.rollbackTargetId ?? 'not pinned yet'}`,
    ...(view.held == null ? [] : [`- **increases are held: ${view.held}**`]),
    ...deliveryLines(view),
    ...view.approvals.map((a) => `- approved by ${a.approver} for stage ${a.stage}: ${a.reason}`),
    ...view.faults.map((fault) => `- fault ${fault.code} at ${fault.pointer}: ${fault.detail}`),
  ];
  if (view.safe !== null) {
    lines.push(
      `- safe on ${view.safe.targetId} after ${view.safe.timeToSafeMs} ms; acknowledged by ${view.safe.acknowledged.join(', ') || 'nobody'}` +
        (view.safe.stragglers.length === 0 ? '' : `; **stragglers: ${view.safe.stragglers.join(', ')}**`),
    );
  }
  return lines.join('\n');
}

/** Who serves the newest version and who does not, edge by edge. */
function deliveryLines({ delivery }: RolloutView): string[] {
  if (delivery == null) return [];
  const heading = `- ${delivery.what} in snapshot ${delivery.version}: ${delivery.acknowledged.length} acknowledged`;
  return [
    `${heading}, ${delivery.stragglers.length} not`,
    ...(delivery.edges ?? []).map((edge) => {
      const state = edge.serves ? 'serves it' : `**serves ${edge.snapshotVersion ?? 'nothing'}**`;
      const silence = edge.live ? '' : ', silent';
      return `  - ${edge.edgeId}: ${state}${silence}${edge.refused === null ? '' : `, refused: ${edge.refused}`}`;
    }),
  ];
}

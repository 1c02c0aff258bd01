/** Free of schema imports: workflows bundle this file. */
import type { Agent, ExperimentArm, ExperimentSubject } from '../contracts';

/** Agents whose version the experiment sets in one arm or both, in alphabetical order. */
export function agentsOfSubject({ control, treatment }: ExperimentSubject): Agent[] {
  const named = [...Object.keys(control.versions), ...Object.keys(treatment.versions)] as Agent[];
  return [...new Set(named)].sort();
}

/** Whether the arm serves nothing but the champion. */
export const isChampion = (arm: ExperimentArm): boolean =>
  arm.family === 'multi-agent' && Object.keys(arm.versions).length === 0;

/** An arm as people read it: "bid-2024" or "monolith net-7" or "the champion". */
export function nameOfArm(arm: ExperimentArm): string {
  const versions = Object.values(arm.versions).sort();
  const named = versions.length === 0 ? 'the champion' : versions.join(' + ');
  return arm.family === 'monolith' ? `monolith ${named}` : named;
}
